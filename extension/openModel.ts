// Opening a model in its editor.

import { basename } from 'node:path';
import * as vscode from 'vscode';
import { hasModelEnding } from '../core/protocol/modelFiles.ts';

export const EDITOR_TYPE = 'quantscope.checkpoint';
/** The same editor for names that other programs use as well: VS Code offers it and never opens it by itself. */
export const OPTIONAL_EDITOR_TYPE = 'quantscope.checkpointOption';

export function openModel(uri: vscode.Uri): Thenable<unknown> {
  const type = hasModelEnding(basename(uri.path)) ? EDITOR_TYPE : OPTIONAL_EDITOR_TYPE;
  return vscode.commands.executeCommand('vscode.openWith', uri, type);
}
