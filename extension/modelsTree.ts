// The tree of open models: model → layer (or what lies outside layers) → tensor. A click selects it in the editor.

import { basename } from 'node:path';
import * as vscode from 'vscode';
import { bytesText, FORMAT_NAMES } from '../core/protocol/display.ts';
import type { ModelEditor, OpenModels } from './openModels.ts';

type Node =
  | { kind: 'model'; editor: ModelEditor }
  | { kind: 'group'; editor: ModelEditor; label: string; tensors: readonly number[] }
  | { kind: 'tensor'; editor: ModelEditor; tensor: number };

export class ModelsTree implements vscode.TreeDataProvider<Node> {
  readonly #models: OpenModels;
  readonly onDidChangeTreeData: vscode.Event<undefined>;

  constructor(models: OpenModels) {
    this.#models = models;
    this.onDidChangeTreeData = (listener, thisArgs, disposables) =>
      models.onChange(() => listener.call(thisArgs, undefined), undefined, disposables);
  }

  getChildren(node?: Node): Node[] {
    if (node === undefined) return this.#models.list().map((editor) => ({ kind: 'model', editor }));
    const { editor } = node;
    if (node.kind === 'model') return groups(editor);
    if (node.kind === 'group') return node.tensors.map((tensor) => ({ kind: 'tensor', editor, tensor }));
    return [];
  }

  getTreeItem(node: Node): vscode.TreeItem {
    if (node.kind === 'model') return modelItem(node.editor);
    if (node.kind === 'group') {
      const item = new vscode.TreeItem(node.label, vscode.TreeItemCollapsibleState.Collapsed);
      item.id = `${node.editor.uri.fsPath}\0${node.label}`;
      item.description = String(node.tensors.length);
      return item;
    }
    return tensorItem(node.editor, node.tensor);
  }
}

function modelItem(editor: ModelEditor): vscode.TreeItem {
  const { summary, uri } = editor;
  const state = editor.table ? vscode.TreeItemCollapsibleState.Collapsed : vscode.TreeItemCollapsibleState.None;
  const item = new vscode.TreeItem(summary?.name || basename(uri.fsPath), state);
  item.id = uri.fsPath;
  item.resourceUri = uri;
  item.iconPath = new vscode.ThemeIcon('layers');
  // Views of weights and plans are not offered for what holds none.
  item.contextValue = summary?.imatrix ? 'quantscope.importance' : 'quantscope.model';
  if (summary) {
    const kind = summary.imatrix === null ? `${summary.bitsPerWeight.toFixed(2)} bpw` : FORMAT_NAMES.imatrix;
    item.description = `${bytesText(summary.fileBytes)} · ${kind}`;
  }
  item.tooltip = uri.fsPath;
  item.command = { command: 'quantscope.selectTensor', title: vscode.l10n.t('Show'), arguments: [uri, null] };
  return item;
}

function tensorItem(editor: ModelEditor, tensor: number): vscode.TreeItem {
  const name = editor.table?.names[tensor] ?? '';
  const item = new vscode.TreeItem(editor.table?.modules[tensor] || name);
  item.id = `${editor.uri.fsPath}\0${tensor}`;
  item.description = `${editor.table?.shapes[tensor]?.join(' × ')} · ${editor.table?.dtypes[tensor]}`;
  item.tooltip = name;
  item.command = { command: 'quantscope.selectTensor', title: vscode.l10n.t('Show'), arguments: [editor.uri, tensor] };
  return item;
}

/** By stack and layer, in the order of the file; everything else under one heading. */
function groups(editor: ModelEditor): Node[] {
  const { table } = editor;
  if (!table) return [];
  const stacks = new Set(table.stacks.filter((stack, index) => stack !== '' && (table.layers[index] ?? -1) >= 0));
  const byLabel = new Map<string, { layer: number; tensors: number[] }>();
  table.names.forEach((_name, index) => {
    const layer = table.layers[index] ?? -1;
    const stack = stacks.size > 1 ? `${table.stacks[index]} ` : '';
    const label = layer < 0 ? vscode.l10n.t('Outside layers') : `${stack}${vscode.l10n.t('Layer {0}', layer)}`;
    const group = byLabel.get(label) ?? { layer, tensors: [] };
    group.tensors.push(index);
    byLabel.set(label, group);
  });
  return [...byLabel]
    .sort(([, a], [, b]) => a.layer - b.layer)
    .map(([label, { tensors }]) => ({ kind: 'group', editor, label, tensors }));
}
