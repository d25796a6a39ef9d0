// The folder the suite runs in: a copy of the sample model, and helpers to wait for what VS Code does in its own time.

import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import type { ExtensionApi } from '../../../extension/main.ts';

export const EXTENSION_ID = 'quantscope.quantscope';

export function extension(): vscode.Extension<ExtensionApi> {
  const found = vscode.extensions.getExtension<ExtensionApi>(EXTENSION_ID);
  assert.ok(found, `${EXTENSION_ID} is not installed`);
  return found;
}

export function folder(): vscode.Uri {
  const [first] = vscode.workspace.workspaceFolders ?? [];
  assert.ok(first, 'the suite needs a folder');
  return first.uri;
}

export function file(...names: string[]): vscode.Uri {
  return vscode.Uri.joinPath(folder(), ...names);
}

/** Editors of ours and of others that draw a file themselves. */
export function customTabs(): vscode.TabInputCustom[] {
  return vscode.window.tabGroups.all
    .flatMap((group) => group.tabs)
    .map((tab) => tab.input)
    .filter((input) => input instanceof vscode.TabInputCustom);
}

/** @returns the first value of `probe` that is neither undefined nor false */
export async function until<T>(what: string, probe: () => T | undefined | false, timeoutMs = 30_000): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = probe();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Error messages shown while `work` runs, none of them waiting for an answer. */
export async function errorsShown(work: () => Promise<unknown>): Promise<string[]> {
  const shown: string[] = [];
  const window = vscode.window as { showErrorMessage: unknown };
  const original = window.showErrorMessage;
  window.showErrorMessage = (message: string) => {
    shown.push(message);
    return Promise.resolve(undefined);
  };
  try {
    await work();
  } finally {
    window.showErrorMessage = original;
  }
  return shown;
}

export async function closeEverything(): Promise<void> {
  await vscode.commands.executeCommand('workbench.action.closeAllEditors');
}
