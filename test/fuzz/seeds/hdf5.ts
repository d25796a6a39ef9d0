// Valid HDF5 files: both generations of structures, every element type, groups in groups.

import { float, type H5Group, hdf5Bytes, integer } from '../../fixtures/writeHdf5.ts';
import type { Seed } from '../seeds.ts';

const root: H5Group = {
  model_weights: {
    dense: { dense: { 'kernel:0': { shape: [4, 8], data: bytes(128) }, 'bias:0': { shape: [8], data: bytes(32) } } },
    norm: { 'gamma:0': { shape: [], data: bytes(4) } },
  },
  half: { shape: [6], data: bytes(12), type: float(2, 5, 10) },
  swapped: { shape: [2, 3], data: bytes(24), type: float(4, 8, 23, true) },
  count: { shape: [3], data: bytes(24), type: integer(8, true) },
};

export function hdf5Seeds(): Seed[] {
  return (['old', 'new'] as const).map((style) => ({
    files: { 'model.h5': new Uint8Array(hdf5Bytes(root, style)) },
    open: 'model.h5',
  }));
}

function bytes(count: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, i) => i * 37);
}
