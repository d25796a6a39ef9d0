// `quantscope sensitivity`: what every type would cost every tensor.

import { scanModelSensitivity } from '../sensitivityCall.ts';
import type { Command } from './command.ts';
import { figureText, printable, table } from './text.ts';

export const sensitivity: Command = {
  name: 'sensitivity',
  summary: 'data-free damage of every GGUF type for every quantizable tensor',
  positionals: ['FILE|DIR|INDEX.json'],
  usage: ' [--exact]',
  options: { exact: { type: 'boolean' } },
  async run({ session, positionals: [path = ''], signal }) {
    const model = await session.open(path, signal);
    const { provenance } = await scanModelSensitivity(session, model, signal);
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
