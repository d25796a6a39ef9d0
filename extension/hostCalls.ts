// The calls the extension itself answers for a webview: saved state, dialogs, files to open.

import { basename } from 'node:path';
import * as vscode from 'vscode';
import { type HostCall, type Params, PROTOCOL_VERSION, type Result } from '../core/protocol/calls.ts';
import { QuantscopeError } from '../core/protocol/failures.ts';
import type { ExportFormat } from '../core/protocol/objects.ts';
import type { Plan } from '../core/protocol/plan.ts';
import { suggestedPath } from './modelPath.ts';
import { openModel } from './openModel.ts';
import { planDefaults } from './settings.ts';
import type { ViewStates } from './viewStates.ts';

export const PLAN_SUFFIX = '.quantplan.json';

export interface HostCallContext {
  /** The model the webview shows. */
  readonly path: string;
  readonly viewStates: ViewStates;
  /** What this editor saved last: another editor of the same model may have saved since. */
  ownState: string | null;
  isTrusted(): boolean;
  isChosenOutput(path: string): boolean;
  /** A text or an importance matrix that came from the open dialog. */
  isChosenInput(path: string): boolean;
  /** Asks the user, outside the view, about a destination that did not come from the save dialog. */
  agreeToOutput(path: string): Promise<boolean>;
  /** The job's folder; null when the user dismissed a question. */
  runJob(wanted: Params<'runJob'>): Promise<string | null>;
  bringToFront(): void;
  /** The webview can receive events from now on. */
  ready(): void;
}

type Answers = { readonly [C in HostCall]: (params: Params<C>, context: HostCallContext) => Promise<Result<C>> };

const ANSWERS: Answers = {
  async ready(_params, context) {
    // After the reply, so that the view knows its model before it is steered.
    setTimeout(() => context.ready(), 0);
    return {
      path: context.path,
      protocol: PROTOCOL_VERSION,
      state: context.ownState ?? context.viewStates.get(context.path),
      defaults: planDefaults(),
    };
  },

  async saveState({ state }, context) {
    context.ownState = state;
    await context.viewStates.save(context.path, state);
    return {};
  },

  async pickOutput({ format, suggestedName }, context) {
    const path = await pickOutput(format, context.path, suggestedName);
    if (path !== null) await context.viewStates.addOutput(context.path, path);
    return { path };
  },

  async savePlan({ plan, suggestedName }, context) {
    const beside = vscode.Uri.file(suggestedPath(context.path, PLAN_SUFFIX));
    const target = await vscode.window.showSaveDialog({
      defaultUri: vscode.Uri.joinPath(beside, '..', basename(suggestedName) || basename(beside.path)),
      filters: { [vscode.l10n.t('Quantization plan')]: ['quantplan.json'] },
      title: vscode.l10n.t('Save plan'),
    });
    if (target === undefined) return { path: null };
    await writePlan(target, plan);
    await vscode.window.showTextDocument(target, { viewColumn: vscode.ViewColumn.Beside, preview: false });
    return { path: target.fsPath };
  },

  async pickFile({ kind }, context) {
    const filters =
      kind === 'text'
        ? { [vscode.l10n.t('Text')]: ['txt', 'jsonl', 'md', 'raw', 'utf8'], [vscode.l10n.t('All files')]: ['*'] }
        : { [vscode.l10n.t('Importance matrix')]: ['gguf', 'dat', 'imatrix'] };
    const chosen = await vscode.window.showOpenDialog({
      defaultUri: vscode.Uri.joinPath(vscode.Uri.file(context.path), '..'),
      filters,
      title: kind === 'text' ? vscode.l10n.t('Choose a text') : vscode.l10n.t('Choose an importance matrix'),
    });
    const path = chosen?.[0]?.fsPath ?? null;
    if (path !== null) await context.viewStates.addInput(context.path, path);
    return { path };
  },

  async runJob(wanted, context) {
    if (!context.isTrusted())
      throw new QuantscopeError('USAGE', 'jobs are off in a restricted workspace: trust the workspace to run them');
    return { folder: await context.runJob(wanted) };
  },

  async openModel({ path }, context) {
    // Only what this view itself produced; the user opens anything else.
    if (path !== context.path && !context.isChosenOutput(path)) {
      throw new QuantscopeError('PROTOCOL', `${path} is not a file of this view`);
    }
    await openModel(vscode.Uri.file(path));
    return {};
  },

  async revealFile({ path }, context) {
    if (path !== context.path && !context.isChosenOutput(path)) {
      throw new QuantscopeError('PROTOCOL', `${path} is not a file of this view`);
    }
    await revealFile(vscode.Uri.file(path));
    return {};
  },

  async reopenWith(_params, context) {
    // The command acts on the editor in front, which a click in the view has made this one.
    context.bringToFront();
    await vscode.commands.executeCommand('workbench.action.reopenWithEditor');
    return {};
  },
};

export function answerHostCall<C extends HostCall>(
  call: C,
  params: Params<C>,
  context: HostCallContext,
): Promise<Result<C>> {
  return (ANSWERS[call] as (params: Params<C>, context: HostCallContext) => Promise<Result<C>>)(params, context);
}

/** llama.cpp reads both kinds of importance matrices. */
const OUTPUT_FILTERS: Readonly<Record<ExportFormat | 'imatrix', Record<string, string[]>>> = {
  gguf: { GGUF: ['gguf'] },
  safetensors: { safetensors: ['safetensors'] },
  imatrix: { GGUF: ['gguf'], 'llama.cpp .dat': ['dat'] },
};

/** A save dialog beside the model; null when dismissed. */
export async function pickOutput(
  format: ExportFormat | 'imatrix',
  model: string,
  suggestedName?: string,
): Promise<string | null> {
  const beside = vscode.Uri.file(suggestedPath(model, format === 'imatrix' ? '.imatrix.gguf' : `.quantized.${format}`));
  const target = await vscode.window.showSaveDialog({
    defaultUri: suggestedName ? vscode.Uri.joinPath(beside, '..', basename(suggestedName)) : beside,
    filters: OUTPUT_FILTERS[format],
    title: vscode.l10n.t('Export to'),
    saveLabel: vscode.l10n.t('Export'),
  });
  return target?.fsPath ?? null;
}

export async function writePlan(target: vscode.Uri, plan: Plan): Promise<void> {
  await vscode.workspace.fs.writeFile(target, new TextEncoder().encode(`${JSON.stringify(plan, null, 2)}\n`));
}

/** In the Explorer when the file is in the workspace, else in the system's file manager. */
export async function revealFile(uri: vscode.Uri): Promise<void> {
  const inside = vscode.workspace.getWorkspaceFolder(uri) !== undefined;
  await vscode.commands.executeCommand(inside ? 'revealInExplorer' : 'revealFileInOS', uri);
}
