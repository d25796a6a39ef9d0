// Valid PyTorch files: state dicts by protocol 2 in a zip archive and in the legacy stream, views and shared storages.

import { zipBytes } from '../../fixtures/writeZip.ts';
import type { Bytes } from '../mutation.ts';
import type { Seed } from '../seeds.ts';

interface View {
  readonly name: string;
  /** Name of the storage class, and the key of the storage. */
  readonly type: string;
  readonly key: string;
  readonly elements: number;
  readonly start: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

const MAGIC = '\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.';
const views: readonly View[] = [
  { name: 'a.weight', type: 'Float', key: '0', elements: 24, start: 0, shape: [4, 6], strides: [6, 1] },
  { name: 'a.turned', type: 'Float', key: '0', elements: 24, start: 0, shape: [6, 4], strides: [1, 6] },
  { name: 'a.part', type: 'Float', key: '0', elements: 24, start: 7, shape: [2, 3], strides: [12, 2] },
  { name: 'b.weight', type: 'BFloat16', key: '1', elements: 8, start: 0, shape: [8], strides: [1] },
  { name: 'b.wide', type: 'BFloat16', key: '1', elements: 8, start: 2, shape: [3, 5], strides: [1, 0] },
  { name: 'steps', type: 'Long', key: '2', elements: 1, start: 0, shape: [], strides: [] },
];
const SIZES: Readonly<Record<string, number>> = { Float: 4, BFloat16: 2, Long: 8 };

export function pytorchSeeds(): Seed[] {
  const pickle = latin1(`\x80\x02${stateDict('')}.`);
  const nested = latin1(
    `\x80\x02}(${text('model')}${stateDict('')}${text('epoch')}K\x03${text('optimizer')}}${text('args')}]u.`,
  );
  const archive = (data: Bytes, deflate: boolean): Bytes =>
    zipBytes([
      { name: 'archive/data.pkl', data, deflate },
      { name: 'archive/byteorder', data: latin1('little') },
      ...storages().map(([key, bytes]) => ({ name: `archive/data/${key}`, data: bytes, deflate })),
      { name: 'archive/version', data: latin1('3\n') },
    ]);
  const small = latin1('\x80\x02}q\x00X\x01\x00\x00\x00ccos\nsystem\nX\x04\x00\x00\x00trueq\x01\x85Rs.');
  const index = JSON.stringify({
    metadata: {},
    weight_map: Object.fromEntries(views.map(({ name }) => [name, 'one.bin'])),
  });
  return [
    file('model.pt', archive(pickle, false)),
    file('model.pth', archive(pickle, true)),
    file('checkpoint.ckpt', archive(nested, false)),
    file('legacy.pt', legacy()),
    file('odd.pt', archive(small, false)),
    {
      open: '.',
      files: { 'one.bin': archive(pickle, false), 'pytorch_model.bin.index.json': latin1(index) },
    },
  ];
}

function legacy(): Bytes {
  const system = `\x80\x02}(${text('protocol_version')}M\xe9\x03${text('little_endian')}\x88${text('type_sizes')}}u.`;
  const keys = `\x80\x02](${storages()
    .map(([key]) => text(key))
    .join('')}e.`;
  const head = latin1(`\x80\x02${MAGIC}\x80\x02M\xe9\x03.${system}\x80\x02${stateDict('N')}.${keys}`);
  const data = storages().map(([key, bytes]) => {
    const count = Buffer.alloc(8);
    count.writeBigInt64LE(BigInt(views.find((view) => view.key === key)?.elements ?? 0));
    return Buffer.concat([count, bytes]);
  });
  return new Uint8Array(Buffer.concat([head, ...data]));
}

/** Opcodes that leave an OrderedDict of tensors. @param viewMetadata of the legacy format's persistent ids */
function stateDict(viewMetadata: string): string {
  const tensors = views.map(({ name, type, key, elements, start, shape, strides }) => {
    const id = `(${text('storage')}ctorch\n${type}Storage\n${text(key)}${text('cpu')}K${char(elements)}${viewMetadata}tQ`;
    const rest = `K${char(start)}${tuple(shape)}${tuple(strides)}\x89ccollections\nOrderedDict\n)R`;
    return `${text(name)}ctorch._utils\n_rebuild_tensor_v2\n(${id}${rest}tR`;
  });
  return `ccollections\nOrderedDict\n)R(${tensors.join('')}u`;
}

function storages(): [string, Bytes][] {
  const byKey = new Map(views.map((view) => [view.key, view]));
  return [...byKey].map(([key, { elements, type }]) => {
    return [key, Uint8Array.from({ length: elements * (SIZES[type] ?? 1) }, (_, i) => i * 29)];
  });
}

function file(name: string, bytes: Bytes): Seed {
  return { files: { [name]: bytes }, open: name };
}

const char = (value: number): string => String.fromCharCode(value);
const latin1 = (letters: string): Bytes => new Uint8Array(Buffer.from(letters, 'latin1'));
const text = (letters: string): string => `X${char(letters.length)}\0\0\0${letters}`;
const tuple = (numbers: readonly number[]): string => `(${numbers.map((value) => `K${char(value)}`).join('')}t`;
