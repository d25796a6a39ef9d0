// Importance matrices as llama.cpp reads them: GGUF (`X.in_sum2`, `X.counts`), or the older `.dat`.

import { createAtomicFile } from '../../io/atomicFile.ts';
import { headerBytes, layOut } from './container.ts';
import { concat, text, textArray, u32 } from './keyValues.ts';

export interface ImatrixEntry {
  readonly name: string;
  /** Mean squares, one per column of every matrix. */
  readonly columns: Float32Array;
  /** Experts of a tensor of all; 1 by default. */
  readonly matrices?: number;
}

export interface ImatrixFile {
  readonly entries: readonly ImatrixEntry[];
  /** Calibration text by name. */
  readonly dataset: string;
  readonly chunks: number;
  readonly chunkTokens: number;
}

/** Names end in `.dat` for the older kind; everything else is GGUF. */
export function imatrixBytes(file: ImatrixFile, name: string): Uint8Array {
  return /\.dat$/i.test(name) ? legacyBytes(file) : ggufBytes(file);
}

/** @throws OUTPUT_EXISTS, DISK_FULL, FILE_UNREADABLE */
export async function writeImatrix(path: string, bytes: Uint8Array): Promise<void> {
  await using file = await createAtomicFile(path, { expectedBytes: bytes.length });
  await file.write(bytes);
  await file.sync();
  await file.commit();
}

/** llama.cpp tools/imatrix `save_imatrix`: sums and counts, so that files of several runs can be added. */
function ggufBytes({ entries, dataset, chunks, chunkTokens }: ImatrixFile): Uint8Array {
  const tokens = chunks * chunkTokens;
  const tensors = entries.flatMap(({ name, columns, matrices = 1 }) => [
    tensor(
      `${name}.in_sum2`,
      [matrices, columns.length / matrices],
      columns.map((value) => value * tokens),
    ),
    tensor(`${name}.counts`, [matrices, 1], new Float32Array(matrices).fill(tokens)),
  ]);
  const contents = {
    alignment: 32,
    keyValues: [
      text('general.type', 'imatrix'),
      textArray('imatrix.datasets', [dataset]),
      u32('imatrix.chunk_count', chunks),
      u32('imatrix.chunk_size', chunkTokens),
    ],
    tensors,
    warnings: [],
  };
  const layout = layOut(contents, () => 'F32');
  const out = new Uint8Array(layout.totalBytes);
  out.set(headerBytes(contents, layout));
  for (const {
    tensor: { source },
    offset,
  } of layout.tensors)
    if (source instanceof Float32Array) out.set(littleEndian(source), offset);
  return out;
}

function tensor(name: string, shape: number[], source: Float32Array) {
  return { name, shape, source, fixedType: 'F32', keptType: 'F32', permutedHeads: 0 } as const;
}

/** llama.cpp `save_imatrix_legacy`: a value is the mean square times the number of chunks, which stands beside it. */
function legacyBytes({ entries, dataset, chunks }: ImatrixFile): Uint8Array {
  const name = new TextEncoder().encode(dataset);
  return concat([
    i32(entries.length),
    ...entries.flatMap((entry) => {
      const label = new TextEncoder().encode(entry.name);
      const values = littleEndian(entry.columns.map((value) => value * chunks));
      return [i32(label.length), label, i32(chunks), i32(entry.columns.length), values];
    }),
    i32(chunks),
    i32(name.length),
    name,
  ]);
}

function i32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value, true);
  return bytes;
}

function littleEndian(values: Float32Array): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    view.setFloat32(i * 4, value, true);
  });
  return bytes;
}
