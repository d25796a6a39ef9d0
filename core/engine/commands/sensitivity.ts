// `quantscope sensitivity`: what every type would cost every tensor.

import { importanceFor } from '../importanceFile.ts';
import { scanModelSensitivity } from '../sensitivityCall.ts';
import type { Command } from './command.ts';
import { figureText, printable, table } from './text.ts';

export const sensitivity: Command = {
  name: 'sensitivity',
  summary: 'damage of every GGUF type for every quantizable tensor, data-free or weighted by an importance matrix',
  positionals: ['FILE|DIR|INDEX.json'],
  usage: ' [--exact] [--imatrix FILE]',
  options: { exact: { type: 'boolean' }, imatrix: { type: 'string' } },
  async run({ session, positionals: [path = ''], values, signal }) {
    const model = await session.open(path, signal);
    const importance = await importanceFor(session, model, values.imatrix, signal);
    const { provenance } = await scanModelSensitivity(session, model, signal, undefined, importance);
    const tensors = model.checkpoint.tensors.flatMap(({ index, name, dtype, shape }) => {
      const row = model.sensitivity.get(index);
      return row === undefined ? [] : [{ name, dtype, shape, damages: row.damages }];
    });
    return {
      ok: true,
      json: { path: model.checkpoint.path, fingerprint: model.checkpoint.fingerprint, provenance, tensors },
      text: () => {
        const types = tensors[0]?.damages.map((d) => d.type) ?? [];
        const rows = tensors.map((t) => [printable(t.name), ...t.damages.map((d) => figureText(d.sqnr).slice(0, 5))]);
        return `SQNR in dB per type (higher is better); ${provenance.method}\n\n${table(['tensor', ...types], rows)}`;
      },
    };
  },
};
