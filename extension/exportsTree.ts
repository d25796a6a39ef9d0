// The list of finished exports: what was written, how large, and whether it is still there.

import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import * as vscode from 'vscode';
import { bytesText } from '../core/protocol/display.ts';
import type { ExportHistory, FinishedExport } from './exportHistory.ts';

export class ExportsTree implements vscode.TreeDataProvider<FinishedExport> {
  readonly #exports: ExportHistory;
  readonly onDidChangeTreeData: vscode.Event<undefined>;

  constructor(exports: ExportHistory) {
    this.#exports = exports;
    this.onDidChangeTreeData = (listener, thisArgs, disposables) =>
      exports.onChange(() => listener.call(thisArgs, undefined), undefined, disposables);
  }

  getChildren(entry?: FinishedExport): FinishedExport[] {
    return entry === undefined ? this.#exports.list() : [];
  }

  getTreeItem(entry: FinishedExport): vscode.TreeItem {
    const item = new vscode.TreeItem(basename(entry.output));
    const exists = existsSync(entry.output);
    item.id = entry.output;
    item.resourceUri = vscode.Uri.file(entry.output);
    item.iconPath = new vscode.ThemeIcon(exists ? (entry.verified ? 'pass' : 'warning') : 'circle-slash');
    item.contextValue = exists ? 'quantscope.export' : 'quantscope.export.missing';
    const size = `${bytesText(entry.bytes)} · ${entry.bitsPerWeight.toFixed(2)} bpw`;
    item.description = exists ? size : vscode.l10n.t('no longer there');
    item.tooltip = `${entry.output}\n${vscode.l10n.t('from {0}', entry.source)}\n${new Date(entry.at).toLocaleString()}`;
    if (exists) {
      item.command = {
        command: 'quantscope.openExport',
        title: vscode.l10n.t('Open'),
        arguments: [{ resourceUri: item.resourceUri }],
      };
    }
    return item;
  }
}
