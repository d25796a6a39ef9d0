// "Verify Export": compares two files tensor by tensor and shows the report as a document.

import { basename } from 'node:path';
import * as vscode from 'vscode';
import type { VerifyReport, VerifyTensor } from '../core/protocol/objects.ts';
import { callEngine } from './engineModel.ts';
import { DIALOG_EXTENSIONS } from './modelPath.ts';
import type { Services } from './services.ts';

/** Asks for the files that are not given. @returns the report, or undefined when a question was dismissed */
export async function verify(
  services: Services,
  given: vscode.Uri | undefined,
  against: vscode.Uri | undefined,
): Promise<VerifyReport | undefined> {
  // From the list of exports, the export itself is given and its source is known.
  const made = services.exports.list().find((entry) => entry.output === given?.fsPath && against === undefined);
  const original = made ? vscode.Uri.file(made.source) : (given ?? (await pick(vscode.l10n.t('Original model'))));
  if (original === undefined) return undefined;
  const exported = made ? given : (against ?? (await pick(vscode.l10n.t('Exported model'))));
  if (exported === undefined) return undefined;
  const report = await callEngine(services, 'verify', { original: original.fsPath, exported: exported.fsPath });
  const document = await vscode.workspace.openTextDocument({ language: 'markdown', content: reportText(report) });
  await vscode.window.showTextDocument(document, { preview: false });
  return report;
}

async function pick(title: string): Promise<vscode.Uri | undefined> {
  const [file] =
    (await vscode.window.showOpenDialog({
      title,
      filters: { [vscode.l10n.t('Model checkpoints')]: [...DIALOG_EXTENSIONS] },
    })) ?? [];
  return file;
}

/** Markdown: the summary, then every tensor, worst first. */
export function reportText(report: VerifyReport): string {
  const rows = [...report.tensors].sort((a, b) => rank(a) - rank(b));
  return [
    `# ${basename(report.exported)} ${report.ok ? 'matches' : 'does not match'} ${basename(report.original)}`,
    '',
    `- original: \`${report.original}\``,
    `- exported: \`${report.exported}\``,
    `- compared ${report.compared}, identical ${report.identical}, renamed ${report.renamed}, missing ${report.missing.length}, extra ${report.extra.length}`,
    `- signal to quantization noise: mean ${decibels(report.meanSqnr)}, worst ${decibels(report.worstSqnr)}`,
    '',
    '| tensor | exported as | status | dtype | SQNR | largest error |',
    '| --- | --- | --- | --- | ---: | ---: |',
    ...rows.map((row) => {
      const dtypes = `${row.originalDtype ?? '–'} → ${row.exportedDtype ?? '–'}`;
      const cells = [
        code(row.name),
        code(row.exportedName),
        row.status,
        dtypes,
        decibels(row.sqnr),
        figure(row.maxError),
      ];
      return `| ${cells.join(' | ')} |`;
    }),
    '',
  ].join('\n');
}

function rank(row: VerifyTensor): number {
  if (row.status === 'missing' || row.status === 'extra' || row.status === 'shape') return Number.NEGATIVE_INFINITY;
  return Number.isNaN(row.sqnr) ? Number.MAX_VALUE : row.sqnr;
}

/** Tensor names are hostile text: they must not end the cell or the code span. */
function code(name: string): string {
  const safe = name.replace(/[`|\r\n]/g, '\u00b7');
  return safe === '' ? '' : `\`${safe}\``;
}

function decibels(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return 'exact';
  return Number.isFinite(value) ? `${value.toFixed(1)} dB` : '–';
}

function figure(value: number): string {
  return Number.isFinite(value) ? value.toPrecision(3) : '–';
}
