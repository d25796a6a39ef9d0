// Valid NumPy files: every version of the header, both orders of axes and bytes, archives stored and deflated.

import { type FixtureArray, npyBytes, npzBytes } from '../../fixtures/writeNpy.ts';
import type { Bytes } from '../mutation.ts';
import type { Seed } from '../seeds.ts';

const data = (bytes: number): Uint8Array => Uint8Array.from({ length: bytes }, (_, i) => i * 31);
const arrays: Readonly<Record<string, FixtureArray>> = {
  plain: { descr: '<f4', shape: [4, 6], data: data(96) },
  turned: { descr: '<f8', shape: [3, 5], fortranOrder: true, data: data(120) },
  swapped: { descr: '>f2', shape: [9], data: data(18), version: 2 },
  mask: { descr: '|b1', shape: [2, 2, 2], data: data(8) },
  count: { descr: '<i8', shape: [], data: data(8), version: 3 },
  complex: { descr: '<c8', shape: [2], data: data(16) },
};

export function numpySeeds(): Seed[] {
  return [
    ...Object.values(arrays).map((array) => file('array.npy', npyBytes(array))),
    file('model.npz', npzBytes(arrays)),
    file('packed.npz', npzBytes(arrays, { deflate: true })),
    file('large.npz', npzBytes(arrays, { zip64: true }, { zip64: true })),
  ];
}

function file(name: string, bytes: Bytes): Seed {
  return { files: { [name]: bytes }, open: name };
}
