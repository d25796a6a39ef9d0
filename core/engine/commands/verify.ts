// `quantscope verify`: how far an exported file is from its original, tensor by tensor.

import type { VerifyReport } from '../../protocol/objects.ts';
import { verifyFiles } from '../verifying.ts';
import type { Command } from './command.ts';
import { figureText, printable, table } from './text.ts';

export const verify: Command = {
  name: 'verify',
  summary: 'compare an exported model with its original',
  positionals: ['ORIGINAL', 'EXPORTED'],
  usage: '',
  options: {},
  async run({ session, positionals: [original = '', exported = ''], signal }) {
    const report = await verifyFiles(session, original, exported, signal);
    return {
      ok: report.ok,
      json: report,
      text: () => {
        const rows = report.tensors.map((t) => [
          printable(t.name),
          printable(t.exportedName),
          t.status,
          t.exportedDtype ?? '',
          figureText(t.sqnr),
          figureText(t.maxError),
        ]);
        return `${verifyText(report)}\n${table(['tensor', 'exported as', 'status', 'type', 'SQNR dB', 'max error'], rows)}`;
      },
    };
  },
};

export function verifyText(report: VerifyReport): string {
  const isExact = report.compared === report.identical;
  const parts = [
    `verified: ${report.ok ? 'ok' : 'FAILED'}`,
    `${report.compared} compared`,
    `${report.identical} identical`,
    `${report.renamed} renamed`,
    `${report.missing.length} missing`,
    `${report.extra.length} extra`,
    // Where nothing was lost, or compared, there is no noise to put in decibels.
    ...(isExact ? [] : [`SQNR mean ${figureText(report.meanSqnr)} dB, worst ${figureText(report.worstSqnr)} dB`]),
  ];
  return `${parts.join(', ')}\n`;
}
