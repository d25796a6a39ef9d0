// `quantscope inspect`: headers only.

import { bytesText } from '../../base/byteText.ts';
import { HANDLERS } from '../handlers.ts';
import type { Command } from './command.ts';
import { countText, printable, table } from './text.ts';

export const inspect: Command = {
  name: 'inspect',
  summary: 'what a checkpoint holds, from its headers alone',
  positionals: ['FILE|DIR|INDEX.json'],
  usage: '',
  options: {},
  async run({ session, positionals: [path = ''], signal }) {
    const { model, ...summary } = await HANDLERS.open(session, { path }, signal);
    const { checkpoint } = session.model(model);
    const tensors = checkpoint.tensors.map((t) => ({
      name: t.name,
      dtype: t.dtype,
      shape: t.shape,
      count: t.elements,
      bytes: t.bytes,
      role: t.role,
      layer: t.layer,
      file: checkpoint.files[t.file]?.path,
      offset: t.offset,
    }));
    return {
      ok: true,
      json: { ...summary, metadata: checkpoint.metadata, tensors },
      text: () => {
        const lines = [
          `${printable(summary.name)}: ${summary.format}, ${summary.architecture ?? 'unknown architecture'}, ${summary.layers} layers`,
          `${countText(summary.parameters)} parameters, ${bytesText(summary.fileBytes)} in ${summary.files} file(s), ${summary.bitsPerWeight.toFixed(2)} bits per weight, ${summary.tensorCount} tensors`,
          ...summary.warnings.map((w) => `warning: ${printable(w)}`),
        ];
        const rows = tensors.map((t) => [
          printable(t.name),
          t.dtype,
          t.shape.join('×'),
          bytesText(t.bytes),
          t.role,
          t.layer === null ? '' : String(t.layer),
        ]);
        return `${lines.join('\n')}\n\n${table(['tensor', 'dtype', 'shape', 'bytes', 'role', 'layer'], rows)}`;
      },
    };
  },
};
