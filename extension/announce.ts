// What the user is told outside a view: failures with their sentence, finished exports with what to do next.

import { basename } from 'node:path';
import * as vscode from 'vscode';
import { bytesText } from '../core/protocol/display.ts';
import { toFailure } from '../core/protocol/failures.ts';
import type { ExportResult } from '../core/protocol/objects.ts';
import { revealFile } from './hostCalls.ts';
import { openModel } from './openModel.ts';

/**
 * Shows a failure as it is worded by the engine. Being cancelled is not an error.
 *
 * @param actions what else can be done about it, by the words on their buttons
 */
export async function announceFailure(
  what: string,
  error: unknown,
  log: vscode.LogOutputChannel,
  actions: Readonly<Record<string, () => unknown>> = {},
): Promise<void> {
  const failure = isFailure(error) ? error : toFailure(error);
  if (failure.code === 'CANCELLED') {
    vscode.window.setStatusBarMessage(vscode.l10n.t('{0} cancelled', what), 4000);
    return;
  }
  log.error(`${what}: ${failure.code} ${failure.message}`);
  const showLog = vscode.l10n.t('Show Log');
  const chosen = await vscode.window.showErrorMessage(`${what}: ${failure.message}`, ...Object.keys(actions), showLog);
  if (chosen === showLog) log.show();
  else if (chosen !== undefined) await actions[chosen]?.();
}

export async function announceExport(result: ExportResult): Promise<void> {
  const open = vscode.l10n.t('Open');
  const reveal = vscode.l10n.t('Reveal');
  const message = vscode.l10n.t(
    'Exported {0}: {1}, {2} bits per weight, verified against the original.',
    basename(result.output),
    bytesText(result.bytes),
    result.bitsPerWeight.toFixed(2),
  );
  const chosen = await vscode.window.showInformationMessage(message, open, reveal);
  const uri = vscode.Uri.file(result.output);
  if (chosen === open) await openModel(uri);
  if (chosen === reveal) await revealFile(uri);
}

function isFailure(error: unknown): error is ReturnType<typeof toFailure> {
  return typeof error === 'object' && error !== null && !(error instanceof Error) && 'code' in error;
}
