// Every command of the extension, and nothing but the wiring of each to what does the work.

import * as vscode from 'vscode';
import { MODEL_ENDINGS } from '../core/protocol/modelFiles.ts';
import { announceFailure } from './announce.ts';
import { type ExportOptions, exportWithPlan } from './exportCommand.ts';
import { revealFile } from './hostCalls.ts';
import { inspect } from './inspectCommand.ts';
import { registerJobCommands } from './jobsCommands.ts';
import { DIALOG_EXTENSIONS, modelsAmong } from './modelPath.ts';
import { openModel } from './openModel.ts';
import { makePlan, openPlan, type PlanOptions } from './planCommand.ts';
import type { Services } from './services.ts';
import { verify } from './verifyCommand.ts';

const VIEWS = [
  'overview',
  'outliers',
  'kurtosis',
  'activations',
  'sensitivity',
  'allocation',
  'compare',
  'export',
] as const;

export function registerCommands(services: Services): vscode.Disposable {
  const { engine, running, log, models, exports } = services;
  const register = (name: string, what: string, run: (...args: never[]) => unknown): vscode.Disposable =>
    vscode.commands.registerCommand(`quantscope.${name}`, async (...args: never[]) => {
      try {
        return await run(...args);
      } catch (error) {
        void announceFailure(what, error, log);
        return undefined;
      }
    });
  const t = vscode.l10n.t;

  return vscode.Disposable.from(
    register('analyze', t('Analyze model'), async (uri?: vscode.Uri) => {
      const model = await chooseModel(uri);
      if (model) await openModel(model);
    }),
    ...VIEWS.map((view) =>
      register(`show${view[0]?.toUpperCase()}${view.slice(1)}`, t('Show view'), async (item?: unknown) => {
        models.find(uriOf(item))?.show(view, null);
      }),
    ),
    register('selectTensor', t('Select tensor'), async (uri: vscode.Uri, tensor: number | null) => {
      if (!models.find(uri)) await openModel(uri);
      models.find(uri)?.show(tensor === null ? 'overview' : 'outliers', tensor);
    }),
    register('calibrate', t('Calibrate'), async (item?: unknown) => {
      const model = await chooseModel(uriOf(item) ?? models.find()?.uri);
      if (model === undefined) return;
      if (!models.find(model)) await openModel(model);
      models.find(model)?.show('calibration', null);
    }),
    register('plan', t('Plan bits'), async (item?: unknown, options?: PlanOptions) => {
      const model = await chooseModel(uriOf(item) ?? models.find()?.uri);
      return model ? makePlan(services, model, options ?? {}) : undefined;
    }),
    register('export', t('Export'), async (item?: unknown, options?: ExportOptions) => {
      return exportWithPlan(services, uriOf(item), options ?? {}, chooseModel);
    }),
    register('verify', t('Verify export'), async (original?: unknown, exported?: unknown) => {
      return verify(services, uriOf(original), uriOf(exported));
    }),
    register('inspect', t('Inspect model'), async (item?: unknown) => {
      const model = await chooseModel(uriOf(item) ?? models.find()?.uri);
      return model ? inspect(services, model) : undefined;
    }),
    register('openPlan', t('Open plan'), openPlan),
    register('cancel', t('Cancel'), () => running.cancelAll()),
    register('restartEngine', t('Restart engine'), () => engine.restart()),
    register('showLog', t('Show log'), () => log.show()),
    register('openExport', t('Open export'), async (item: unknown) => {
      const uri = uriOf(item);
      if (uri) await openModel(uri);
    }),
    register('revealExport', t('Reveal export'), async (item: unknown) => {
      const uri = uriOf(item);
      if (uri) await revealFile(uri);
    }),
    register('forgetExport', t('Remove from list'), async (item: unknown) => {
      const uri = uriOf(item);
      if (uri) await exports.remove(uri.fsPath);
    }),
    registerJobCommands(services, uriOf, chooseModel),
  );
}

/** Commands arrive with a Uri from the Explorer, with a tree item from our views, with nothing from the palette. */
function uriOf(item: unknown): vscode.Uri | undefined {
  if (item instanceof vscode.Uri) return item;
  if (typeof item !== 'object' || item === null || !('resourceUri' in item)) return undefined;
  return item.resourceUri instanceof vscode.Uri ? item.resourceUri : undefined;
}

/** The model meant by a file, a folder or nothing; undefined when the user dismisses the question. */
async function chooseModel(uri?: vscode.Uri): Promise<vscode.Uri | undefined> {
  const given = uri ?? (await pickFile());
  if (given === undefined) return undefined;
  const { type } = await vscode.workspace.fs.stat(given);
  // What a file is, its content decides.
  if ((type & vscode.FileType.Directory) === 0) return given;
  const entries = await vscode.workspace.fs.readDirectory(given);
  const models = modelsAmong(entries.filter(([, kind]) => (kind & vscode.FileType.File) !== 0).map(([name]) => name));
  const [only] = models;
  if (only === undefined) {
    throw new Error(vscode.l10n.t('{0} holds no model file ({1})', given.fsPath, MODEL_ENDINGS.join(', ')));
  }
  const chosen =
    models.length === 1
      ? only
      : await vscode.window.showQuickPick(models, { placeHolder: vscode.l10n.t('Several models are in this folder') });
  return chosen === undefined ? undefined : vscode.Uri.joinPath(given, chosen);
}

async function pickFile(): Promise<vscode.Uri | undefined> {
  const [picked] =
    (await vscode.window.showOpenDialog({
      title: vscode.l10n.t('Choose a model'),
      filters: { [vscode.l10n.t('Model checkpoints')]: [...DIALOG_EXTENSIONS] },
    })) ?? [];
  return picked;
}
