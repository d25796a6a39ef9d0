// Writes every malformed checkpoint into a folder and prints what each must be refused with:
//   node test/malformed/generate.ts FOLDER

import { type Attack, writeAttacks } from './attack.ts';
import { GGUF_ATTACKS } from './ggufAttacks.ts';
import { HDF5_ATTACKS } from './hdf5Attacks.ts';
import { IMATRIX_ATTACKS } from './imatrixAttacks.ts';
import { NUMPY_ATTACKS } from './numpyAttacks.ts';
import { ONNX_ATTACKS } from './onnxAttacks.ts';
import { PACKED_ATTACKS } from './packedAttacks.ts';
import { PYTORCH_ATTACKS } from './pytorchAttacks.ts';
import { SAFETENSORS_ATTACKS } from './safetensorsAttacks.ts';
import { ZIP_ATTACKS } from './zipAttacks.ts';

/** Deterministic: the same bytes every time. */
export const ATTACKS: readonly Attack[] = [
  ...SAFETENSORS_ATTACKS,
  ...GGUF_ATTACKS,
  ...HDF5_ATTACKS,
  ...IMATRIX_ATTACKS,
  ...ONNX_ATTACKS,
  ...PYTORCH_ATTACKS,
  ...PACKED_ATTACKS,
  ...ZIP_ATTACKS,
  ...NUMPY_ATTACKS,
];

if (import.meta.main) {
  const folder = process.argv[2];
  if (folder === undefined) {
    console.error('usage: node test/malformed/generate.ts FOLDER');
    process.exitCode = 2;
  } else {
    for (const { attack, path } of writeAttacks(ATTACKS, folder)) console.log(`${attack.code}\t${path}`);
  }
}
