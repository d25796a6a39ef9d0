// Activation: builds the parts and wires them together.

import * as vscode from 'vscode';
import type { JobStatus } from '../core/protocol/jobs.ts';
import { RunningCalls } from './calls.ts';
import { registerCheckpointEditor } from './checkpointEditor.ts';
import { registerCommands } from './commands.ts';
import { EngineClient } from './engineClient.ts';
import { ExportHistory } from './exportHistory.ts';
import { ExportsTree } from './exportsTree.ts';
import { Jobs } from './jobs.ts';
import { ModelsTree } from './modelsTree.ts';
import { OpenModels } from './openModels.ts';
import { showProgress } from './progressStatus.ts';
import type { Services } from './services.ts';
import { engineEnvironment } from './settings.ts';
import { ViewStates } from './viewStates.ts';

/** What the host suite looks at; not for other extensions. */
export interface ExtensionApi {
  readonly enginePid: number | undefined;
  /** Paths of the models shown, each with the engine's number for it once opened. */
  openModels(): { path: string; model: number | null; tensors: number | null }[];
  /** As of the last look. */
  jobs(): readonly JobStatus[];
}

export function activate(context: vscode.ExtensionContext): ExtensionApi {
  const log = vscode.window.createOutputChannel('Quantscope', { log: true });
  const engine = new EngineClient({
    launch: () => ({ program: context.asAbsolutePath('dist/engine.js'), env: engineEnvironment() }),
    log: (line) => log.info(line),
  });
  const services: Services = {
    context,
    log,
    engine,
    running: new RunningCalls(),
    models: new OpenModels(),
    exports: new ExportHistory(context.globalState),
    jobs: new Jobs({ engine, log, memento: context.workspaceState }),
    viewStates: new ViewStates(context.workspaceState),
  };
  context.subscriptions.push(
    log,
    engine,
    services.jobs,
    registerCheckpointEditor(services),
    registerCommands(services),
    showProgress(engine, services.running),
    vscode.window.createTreeView('quantscope.models', {
      treeDataProvider: new ModelsTree(services.models),
      showCollapseAll: true,
    }),
    vscode.window.createTreeView('quantscope.exports', { treeDataProvider: new ExportsTree(services.exports) }),
    engine.onRestarted((message) => log.warn(message)),
    engine.onGaveUp((message) => void offerRestart(message)),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (NEEDS_RESTART.some((key) => change.affectsConfiguration(key))) void offerRestart(undefined, engine.pid);
    }),
  );
  return {
    get enginePid() {
      return engine.pid;
    },
    openModels: () =>
      services.models.list().map(({ uri, summary, table }) => ({
        path: uri.fsPath,
        model: summary?.model ?? null,
        tensors: table?.names.length ?? null,
      })),
    jobs: () => services.jobs.watch.jobs,
  };
}

const NEEDS_RESTART = ['quantscope.engine', 'quantscope.sensitivity', 'quantscope.cacheFolder'];

/** After too many crashes, or when changed settings wait for the next start of a running engine. */
async function offerRestart(crash: string | undefined, running?: number): Promise<void> {
  if (crash === undefined && running === undefined) return;
  const restart = vscode.l10n.t('Restart Engine');
  const chosen = crash
    ? await vscode.window.showErrorMessage(`Quantscope: ${crash}`, restart, vscode.l10n.t('Show Log'))
    : await vscode.window.showInformationMessage(
        vscode.l10n.t('The changed setting counts after the engine restarts.'),
        restart,
      );
  if (chosen === restart) await vscode.commands.executeCommand('quantscope.restartEngine');
  else if (chosen !== undefined) await vscode.commands.executeCommand('quantscope.showLog');
}
