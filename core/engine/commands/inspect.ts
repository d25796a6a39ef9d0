// `quantscope inspect`: headers only.

import { bytesText } from '../../base/byteText.ts';
import { FORMAT_NAMES } from '../../base/checkpointFormats.ts';
import type { ModelSummary } from '../../protocol/objects.ts';
import { HANDLERS } from '../handlers.ts';
import type { Command } from './command.ts';
import { countText, printable, shortName, table } from './text.ts';

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
      scheme: t.storage?.kind === 'packed' ? t.storage.scheme : null,
      file: checkpoint.files[t.file]?.path,
      offset: t.offset,
    }));
    return {
      ok: true,
      json: { ...summary, metadata: checkpoint.metadata, tensors },
      text: () => {
        const { architecture, layers, files, fileBytes, tensorCount, bitsPerWeight } = summary;
        const held = `${bytesText(fileBytes)} in ${files === 1 ? 'one file' : `${files} files`}`;
        const counts =
          summary.imatrix === null
            ? `${countText(summary.parameters)} parameters, ${held}, ${bitsPerWeight.toFixed(2)} bits per weight`
            : `${countText(summary.parameters)} columns, ${held}`;
        const lines = [
          `${printable(summary.name)}: ${FORMAT_NAMES[summary.format]}, ${architecture ?? 'unknown architecture'}, ${layers} layers`,
          `${counts}, ${tensorCount} tensors`,
          ...imatrixLines(summary.imatrix),
          ...summary.companions.map(({ name, kind, note }) => `${kind}: ${printable(name)}, ${printable(note)}`),
          ...summary.warnings.map((w) => `warning: ${printable(w)}`),
        ];
        // Packed tensors say how, and what a weight really takes.
        const packed = tensors.some((t) => t.scheme !== null);
        const rows = tensors.map((t) => [
          shortName(t.name),
          t.dtype,
          t.shape.join('×'),
          bytesText(t.bytes),
          t.role,
          t.layer === null ? '' : String(t.layer),
          ...(packed ? [t.count === 0 ? '' : ((8 * t.bytes) / t.count).toFixed(2), printable(t.scheme ?? '')] : []),
        ]);
        const labels = ['tensor', 'dtype', 'shape', 'bytes', 'role', 'layer'];
        return `${lines.join('\n')}\n\n${table([...labels, ...(packed ? ['bits/w', 'packed as'] : [])], rows)}`;
      },
    };
  },
};

function imatrixLines(imatrix: ModelSummary['imatrix']): string[] {
  if (imatrix === null) return [];
  const { datasets, chunks, chunkTokens } = imatrix;
  const length = chunkTokens === null ? '' : ` of ${chunkTokens} tokens`;
  return [
    `importance matrix: ${chunks ?? 'an unknown number of'} chunks${length}`,
    ...datasets.map((name) => `calibration text: ${printable(name)}`),
  ];
}
