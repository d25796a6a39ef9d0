// Opening a model in its editor.

import * as vscode from 'vscode';

export const EDITOR_TYPE = 'quantscope.checkpoint';

export function openModel(uri: vscode.Uri): Thenable<unknown> {
  return vscode.commands.executeCommand('vscode.openWith', uri, EDITOR_TYPE);
}
