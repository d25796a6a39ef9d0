// The custom read-only editor of checkpoints: one webview per editor, state kept outside it.

import { basename } from 'node:path';
import * as vscode from 'vscode';
import type { ModelSummary, TensorTable } from '../core/protocol/objects.ts';
import { announceExport, announceFailure } from './announce.ts';
import { prepareJob } from './jobsRun.ts';
import { watchedFiles } from './modelPath.ts';
import { EDITOR_TYPE, OPTIONAL_EDITOR_TYPE } from './openModel.ts';
import type { ModelEditor } from './openModels.ts';
import type { Services } from './services.ts';
import { WebviewBridge } from './webviewBridge.ts';
import { showApp } from './webviewHtml.ts';

/** Writing a checkpoint touches its files many times a second. */
const CHANGE_DELAY_MS = 400;

export function registerCheckpointEditor(services: Services): vscode.Disposable {
  const provider: vscode.CustomReadonlyEditorProvider = {
    openCustomDocument: (uri) => ({ uri, dispose: () => {} }),
    resolveCustomEditor: (document, panel) => attach(document.uri, panel, services),
  };
  const types = [EDITOR_TYPE, OPTIONAL_EDITOR_TYPE];
  return vscode.Disposable.from(
    ...types.map((type) =>
      vscode.window.registerCustomEditorProvider(type, provider, { supportsMultipleEditorsPerDocument: true }),
    ),
  );
}

function attach(uri: vscode.Uri, panel: vscode.WebviewPanel, services: Services): void {
  const { engine, running, log, viewStates, models, exports, jobs } = services;
  const subscriptions: vscode.Disposable[] = [];
  let summary: ModelSummary | undefined;
  let table: TensorTable | undefined;
  let isReady = false;
  let wanted: { view: string; tensor: number | null } | undefined;

  const bridge = new WebviewBridge(panel.webview, {
    engine,
    running,
    log: (line) => log.warn(`${basename(uri.fsPath)}: ${line}`),
    learned(what) {
      if (what.summary) {
        summary = what.summary;
        table = undefined;
      }
      if (what.table) table = what.table;
      models.changed();
    },
    exported(result, unseen) {
      void exports.add(uri.fsPath, result);
      if (unseen) void announceExport(result);
    },
    exportFailed: (failure) => void announceFailure(vscode.l10n.t('Export'), failure, log),
    host: {
      path: uri.fsPath,
      viewStates,
      ownState: null,
      isTrusted: () => vscode.workspace.isTrusted,
      isChosenOutput: (path) => viewStates.isOutput(uri.fsPath, path),
      isChosenInput: (path) => viewStates.isInput(uri.fsPath, path),
      async agreeToOutput(path) {
        const write = vscode.l10n.t('Export');
        const question = vscode.l10n.t('Write the export to {0}?', path);
        const agreed = (await vscode.window.showWarningMessage(question, { modal: true }, write)) === write;
        if (agreed) await viewStates.addOutput(uri.fsPath, path);
        return agreed;
      },
      async runJob({ plan, format, launcher, suggestedName: name, rounding }) {
        const submit = await prepareJob(services, jobs, { model: uri, plan, format, name, rounding }, { launcher });
        return submit === undefined ? null : (await submit(false)).folder;
      },
      bringToFront: () => panel.reveal(),
      ready() {
        isReady = true;
        if (wanted) bridge.send('show', wanted);
        wanted = undefined;
      },
    },
  });

  const editor: ModelEditor = {
    uri,
    panel,
    get summary() {
      return summary;
    },
    get table() {
      return table;
    },
    show(view, tensor) {
      // A hidden webview is torn down and asks again when it is revealed.
      if (isReady && panel.visible) bridge.send('show', { view, tensor });
      else wanted = { view, tensor };
      panel.reveal();
    },
  };

  subscriptions.push(
    bridge,
    watchFiles(uri, () => bridge.filesChanged(vscode.l10n.t('{0} changed on disk', basename(uri.fsPath)))),
    models.add(editor),
    panel.onDidChangeViewState(() => {
      if (!panel.visible) isReady = false;
      models.changed();
    }),
    panel.onDidDispose(() => {
      for (const subscription of subscriptions) subscription.dispose();
    }),
  );
  showApp(panel.webview, services.context.extensionUri);
}

function watchFiles(uri: vscode.Uri, changed: () => void): vscode.Disposable {
  const { folder, glob } = watchedFiles(uri.fsPath);
  const watcher = vscode.workspace.createFileSystemWatcher(new vscode.RelativePattern(vscode.Uri.file(folder), glob));
  let timer: NodeJS.Timeout | undefined;
  const soon = (): void => {
    clearTimeout(timer);
    timer = setTimeout(changed, CHANGE_DELAY_MS);
  };
  const listeners = [watcher.onDidChange(soon), watcher.onDidCreate(soon), watcher.onDidDelete(soon)];
  return vscode.Disposable.from(watcher, ...listeners, new vscode.Disposable(() => clearTimeout(timer)));
}
