// A model opened for the length of one command, apart from any view.

import type * as vscode from 'vscode';
import type { EngineCall, Params, Result } from '../core/protocol/calls.ts';
import type { ModelSummary } from '../core/protocol/objects.ts';
import { isLongCall } from './calls.ts';
import type { Services } from './services.ts';

export interface CommandModel {
  readonly summary: ModelSummary;
  /** One call about this model; long ones show in the status bar and can be cancelled there. */
  call<C extends EngineCall>(name: C, params: Omit<Params<C>, 'model'>): Promise<Result<C>>;
}

/** Opens the model, lets `work` use it, closes it again. */
export async function withModel<T>(
  services: Services,
  uri: vscode.Uri,
  work: (model: CommandModel) => Promise<T>,
): Promise<T> {
  const { engine } = services;
  const summary = await engine.call('open', { path: uri.fsPath });
  try {
    return await work({
      summary,
      call: (name, params) => callEngine(services, name, { ...params, model: summary.model } as Params<typeof name>),
    });
  } finally {
    // Fails when the engine died meanwhile, and then the model is gone anyway.
    engine.call('close', { model: summary.model }).catch(() => {});
  }
}

/** One engine call on behalf of a command. */
export function callEngine<C extends EngineCall>(services: Services, name: C, params: Params<C>): Promise<Result<C>> {
  const { engine, running } = services;
  if (!isLongCall(name)) return engine.call(name, params);
  const abort = new AbortController();
  return running.track(name, abort, engine.call(name, params, abort.signal));
}
