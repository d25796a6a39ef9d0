// Between one webview and the rest: checks every message, answers host calls, forwards engine calls and events.

import type * as vscode from 'vscode';
import * as z from 'zod';
import {
  ENGINE_CALLS,
  type EngineCall,
  type Event,
  HOST_CALLS,
  type HostCall,
  type Params,
  type WebviewCall,
  type WebviewEventName,
} from '../core/protocol/calls.ts';
import { type Failure, QuantscopeError, toFailure } from '../core/protocol/failures.ts';
import { spellFigures } from '../core/protocol/figures.ts';
import { JOB_CALLS } from '../core/protocol/jobCalls.ts';
import type { ExportResult, ModelSummary, TensorTable } from '../core/protocol/objects.ts';
import { type HostMessage, zWebviewMessage } from '../core/protocol/webviewMessages.ts';
import { isLongCall, type RunningCalls } from './calls.ts';
import type { EngineClient } from './engineClient.ts';
import { answerHostCall, type HostCallContext } from './hostCalls.ts';

export interface BridgeOptions {
  readonly engine: EngineClient;
  readonly running: RunningCalls;
  /** What the host calls may use. */
  readonly host: HostCallContext;
  log(line: string): void;
  /** The engine told something the editor wants to know as well. */
  learned(what: { summary?: ModelSummary; table?: TensorTable }): void;
  /** `unseen`: the view that asked for it is gone, so the user must hear of it elsewhere. */
  exported(result: ExportResult, unseen: boolean): void;
  exportFailed(failure: Failure): void;
}

/** Off where nobody trusts the files: what a model computes, its file decides. */
const RUNS_THE_MODEL: ReadonlySet<EngineCall> = new Set([
  'runCost',
  'calibrate',
  'tokenMap',
  'scoreMethods',
  'score',
  'measurePlans',
]);

export class WebviewBridge {
  readonly #webview: vscode.Webview;
  readonly #options: BridgeOptions;
  readonly #subscriptions: { dispose(): unknown }[] = [];
  /** Calls under way, by the webview's id. */
  readonly #calls = new Map<number, AbortController>();
  /** Engine ids of the models this webview opened: it may ask about no others. */
  readonly #models = new Set<number>();
  /** Which of the calls are exports. */
  readonly #exports = new Set<number>();
  /** Models being exported stay open until that is done. */
  readonly #exporting = new Set<number>();
  #disposed = false;
  /** A hidden webview is torn down and starts anew: replies to its earlier life are dropped. */
  #life = 0;

  constructor(webview: vscode.Webview, options: BridgeOptions) {
    this.#webview = webview;
    this.#options = options;
    this.#subscriptions.push(
      webview.onDidReceiveMessage((raw: unknown) => this.#received(raw)),
      options.engine.onEvent(({ name, payload }) => {
        if (payload.model !== null && this.#models.has(payload.model)) this.send(name, payload);
      }),
      options.engine.onRestarted((message) => {
        this.#models.clear();
        this.send('engineRestarted', { message });
      }),
    );
  }

  /** One event to the webview; lost when it is hidden away, which is why its state is saved. */
  send<E extends WebviewEventName>(event: E, payload: Event<E>): void {
    this.#post({ kind: 'event', event, payload });
  }

  /** Tells the webview that the files behind its models changed. */
  filesChanged(message: string): void {
    for (const model of this.#models) this.send('changed', { model, message });
  }

  dispose(): void {
    this.#disposed = true;
    for (const subscription of this.#subscriptions) subscription.dispose();
    this.#endLife();
  }

  /** Stops what only this view wanted. An export goes on: the status bar shows it and can cancel it. */
  #endLife(): void {
    this.#life++;
    for (const [id, call] of this.#calls) if (!this.#exports.has(id)) call.abort();
    this.#calls.clear();
    this.#exports.clear();
    for (const model of this.#models) this.#close(model);
    this.#models.clear();
  }

  #close(model: number): void {
    if (this.#exporting.has(model) || this.#options.engine.pid === undefined) return;
    this.#options.engine.call('close', { model }).catch(() => {});
  }

  #received(raw: unknown): void {
    const parsed = zWebviewMessage.safeParse(raw);
    if (!parsed.success) {
      this.#options.log(`message from webview: ${z.prettifyError(parsed.error)}`);
      return;
    }
    const message = parsed.data;
    if (message.kind === 'cancel') {
      this.#calls.get(message.id)?.abort();
      return;
    }
    if (message.method === 'ready') this.#endLife();
    const { id, method, params } = message;
    const life = this.#life;
    const abort = new AbortController();
    this.#calls.set(id, abort);
    if (method === 'export') this.#exports.add(id);
    const reply = (answer: HostMessage): void => {
      if (life !== this.#life) return;
      this.#calls.delete(id);
      this.#exports.delete(id);
      this.#post(answer);
    };
    this.#answer(method, params, abort).then(
      (result) => reply({ kind: 'reply', id, result }),
      (error: unknown) => reply({ kind: 'failure', id, failure: this.#failure(method, error) }),
    );
  }

  async #answer(method: string, raw: unknown, abort: AbortController): Promise<unknown> {
    if (Object.hasOwn(HOST_CALLS, method)) {
      const call = method as HostCall;
      return answerHostCall(call, valid<HostCall>(call, HOST_CALLS[call].params, raw), this.#options.host);
    }
    if (Object.hasOwn(ENGINE_CALLS, method)) {
      const call = method as EngineCall;
      return this.#forward(call, valid<EngineCall>(call, ENGINE_CALLS[call].params, raw), abort);
    }
    throw new QuantscopeError('PROTOCOL', `no call is named ${JSON.stringify(method)}`);
  }

  async #forward<C extends EngineCall>(call: C, params: Params<C>, abort: AbortController): Promise<unknown> {
    await this.#permit(call, params);
    if (call === 'export') return this.#export(params as Params<'export'>, abort);
    const { engine, running } = this.#options;
    const life = this.#life;
    const work = engine.call(call, params, abort.signal);
    const result: unknown = await (isLongCall(call) ? running.track(call, abort, work) : work);
    if (call === 'open') {
      const summary = result as ModelSummary;
      if (life === this.#life) this.#models.add(summary.model);
      else this.#close(summary.model);
      this.#options.learned({ summary });
    } else if (call === 'close') {
      this.#models.delete((params as Params<'close'>).model);
    } else if (call === 'tensors') {
      this.#options.learned({ table: result as TensorTable });
    }
    return result;
  }

  async #export(params: Params<'export'>, abort: AbortController): Promise<ExportResult> {
    const { engine, running, exported, exportFailed } = this.#options;
    const life = this.#life;
    this.#exporting.add(params.model);
    try {
      const result = await running.track('export', abort, engine.call('export', params, abort.signal));
      exported(result, life !== this.#life);
      return result;
    } catch (error) {
      if (life !== this.#life) exportFailed(toFailure(error));
      throw error;
    } finally {
      this.#exporting.delete(params.model);
      if (!this.#models.has(params.model)) this.#close(params.model);
    }
  }

  /** A webview draws file content that others wrote: it may touch its own model, chosen inputs and agreed outputs only. */
  async #permit(call: EngineCall, params: Params<EngineCall>): Promise<void> {
    const { host } = this.#options;
    if (Object.hasOwn(JOB_CALLS, call)) throw new QuantscopeError('PROTOCOL', `${call}: not a view's to ask`);
    if ('model' in params && !this.#models.has(params.model)) {
      throw new QuantscopeError('PROTOCOL', `${call}: model ${params.model} is not open in this view`);
    }
    if (
      'path' in params &&
      params.path !== host.path &&
      !(call === 'importImatrix' && host.isChosenInput(params.path))
    ) {
      throw new QuantscopeError('PROTOCOL', `${call}: ${params.path} is not a file of this view`);
    }
    if (
      'settings' in params &&
      params.settings.text.kind === 'file' &&
      !host.isChosenInput(params.settings.text.path)
    ) {
      throw new QuantscopeError('PROTOCOL', `${call}: ${params.settings.text.path} was not chosen in this view`);
    }
    if ('original' in params && (params.original !== host.path || !host.isChosenOutput(params.exported))) {
      throw new QuantscopeError('PROTOCOL', `${call}: not a model and an export of this view`);
    }
    if (RUNS_THE_MODEL.has(call) && !host.isTrusted()) {
      throw new QuantscopeError('USAGE', 'running a model is off in a restricted workspace: trust the workspace first');
    }
    if (call !== 'export' && call !== 'exportImatrix') return;
    if (!host.isTrusted()) {
      throw new QuantscopeError('USAGE', 'exporting is off in a restricted workspace: trust the workspace to export');
    }
    const { output } = params as Params<'export' | 'exportImatrix'>;
    if (!host.isChosenOutput(output) && !(await host.agreeToOutput(output))) {
      throw new QuantscopeError('CANCELLED', 'export cancelled');
    }
  }

  #failure(method: string, error: unknown): Failure {
    const failure = toFailure(error);
    if (failure.code !== 'CANCELLED') this.#options.log(`${method}: ${failure.code} ${failure.message}`);
    return failure;
  }

  #post(message: HostMessage): void {
    if (!this.#disposed) void this.#webview.postMessage(spellFigures(message));
  }
}

/** The table ties each name to its schema; that the two belong together is lost on a name known only at run time. */
function valid<C extends WebviewCall>(call: C, schema: z.ZodType, raw: unknown): Params<C> {
  const parsed = schema.safeParse(raw);
  if (!parsed.success) throw new QuantscopeError('PROTOCOL', `${call}: ${z.prettifyError(parsed.error)}`);
  return parsed.data as Params<C>;
}
