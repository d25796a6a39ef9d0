// What the fuzzer starts from: per reader small valid files, and the malformed corpus.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import type { Attack } from '../malformed/attack.ts';
import { GGUF_ATTACKS } from '../malformed/ggufAttacks.ts';
import { HDF5_ATTACKS } from '../malformed/hdf5Attacks.ts';
import { IMATRIX_ATTACKS } from '../malformed/imatrixAttacks.ts';
import { NUMPY_ATTACKS } from '../malformed/numpyAttacks.ts';
import { ONNX_ATTACKS } from '../malformed/onnxAttacks.ts';
import { PACKED_ATTACKS } from '../malformed/packedAttacks.ts';
import { PYTORCH_ATTACKS } from '../malformed/pytorchAttacks.ts';
import { SAFETENSORS_ATTACKS } from '../malformed/safetensorsAttacks.ts';
import { ZIP_ATTACKS } from '../malformed/zipAttacks.ts';
import type { Bytes } from './mutation.ts';
import { companionSeeds } from './seeds/companions.ts';
import { ggufSeeds } from './seeds/gguf.ts';
import { hdf5Seeds } from './seeds/hdf5.ts';
import { imatrixSeeds } from './seeds/imatrix.ts';
import { llama2cSeeds } from './seeds/llama2c.ts';
import { numpySeeds } from './seeds/numpy.ts';
import { onnxSeeds } from './seeds/onnx.ts';
import { packedSeeds } from './seeds/packed.ts';
import { pytorchSeeds } from './seeds/pytorch.ts';
import { safetensorsSeeds } from './seeds/safetensors.ts';

/** Files of a folder of their own, and which of them (or '.', the folder) is opened. */
export interface Seed {
  readonly files: Readonly<Record<string, Bytes>>;
  readonly open: string;
}

export interface Subject {
  /** A format's name, or what of it is meant. */
  readonly name: string;
  /** Files that open. */
  valid(): readonly Seed[];
  readonly attacks: readonly Attack[];
  /** Words of the format, as bytes in latin1. */
  readonly words: readonly string[];
}

/** Larger attacks are sparse or slow on purpose; they have their own tests. */
const MAX_SEED_BYTES = 32 * 1024;
const u64 = (value: bigint): string => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes.toString('latin1');
};

export const SUBJECTS: readonly Subject[] = [
  {
    name: 'safetensors',
    valid: safetensorsSeeds,
    attacks: SAFETENSORS_ATTACKS,
    words: ['"dtype":', '"shape":', '"data_offsets":', '"__metadata__":{}', '"__proto__":', '\\u0000', u64(1n << 63n)],
  },
  {
    name: 'gguf',
    valid: ggufSeeds,
    attacks: GGUF_ATTACKS,
    words: ['general.alignment', 'general.type', 'imatrix', 'split.count', 'split.no', 'split.tensors.count', u64(9n)],
  },
  {
    name: 'hdf5',
    valid: hdf5Seeds,
    attacks: HDF5_ATTACKS,
    words: ['SNOD', 'TREE', 'HEAP', 'OHDR', 'OCHK', 'FRHP', '\x89HDF\r\n\x1a\n', '\xff\xff\xff\xff\xff\xff\xff\xff'],
  },
  {
    name: 'pytorch',
    valid: pytorchSeeds,
    attacks: PYTORCH_ATTACKS,
    words: [
      'ctorch._utils\n_rebuild_tensor_v2\n',
      'cos\nsystem\n',
      'data.pkl',
      'torch.storage\nUntypedStorage\n',
      'PK\x05\x06',
    ],
  },
  {
    name: 'onnx',
    valid: onnxSeeds,
    attacks: ONNX_ATTACKS,
    words: [
      'location',
      'offset',
      'length',
      '../../etc/passwd',
      'Constant',
      'value',
      'MatMulNBits',
      '\xff\xff\xff\xff\x0f',
    ],
  },
  {
    name: 'numpy',
    valid: numpySeeds,
    attacks: [...NUMPY_ATTACKS, ...ZIP_ATTACKS.filter(({ name }) => !name.startsWith('zip-bomb'))], // those take long to make
    words: ["'descr': '<f4'", "'fortran_order': True", "'shape': (", '|O8', '>f8', '[(', '\x93NUMPY', '9'.repeat(30)],
  },
  {
    name: 'llama2c',
    valid: llama2cSeeds,
    attacks: PYTORCH_ATTACKS,
    words: ['24ka', '\x10\0\0\0', '\xff\xff\xff\x7f', '\0\0\0\x80'],
  },
  {
    name: 'imatrix',
    valid: imatrixSeeds,
    attacks: IMATRIX_ATTACKS,
    words: ['blk.0.ffn_up.weight', '\xff\xff\xff\x7f', '\0\0\0\x80', '\x01\0\0\0'],
  },
  {
    name: 'companions',
    valid: companionSeeds,
    attacks: [],
    words: [
      '"vocab":',
      '"merges":',
      '"peft_type":"LORA"',
      '---\n',
      'license:',
      '"chat_template":',
      '\xef\xbb\xbf',
      '\x0a\x05',
    ],
  },
  {
    name: 'packed',
    valid: packedSeeds,
    attacks: PACKED_ATTACKS,
    words: [
      '.qweight',
      '.g_idx',
      '.weight_scale',
      '.weight_packed',
      '"bits":3',
      '"group_size":-1',
      '"F8_E4M3"',
      '"I32"',
    ],
  },
];

/** The malformed corpus as seeds, each attack in memory; links and whatever is not a small file are left out. */
export function attackSeeds(attacks: readonly Attack[]): Seed[] {
  const folder = mkdtempSync(join(tmpdir(), 'quantscope-fuzz-seeds-'));
  try {
    return attacks.flatMap((attack, at) => {
      const own = join(folder, String(at));
      const path = attackPath(attack, own);
      const seed = path === null ? null : seedOf(own, path);
      return seed === null ? [] : [seed];
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Null where writing needs what this machine does not have. */
function attackPath(attack: Attack, folder: string): string | null {
  mkdirSync(folder, { recursive: true });
  try {
    return attack.write(folder);
  } catch {
    return null;
  }
}

function seedOf(folder: string, path: string): Seed | null {
  const files: Record<string, Bytes> = {};
  let bytes = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) continue;
    const file = join(entry.parentPath, entry.name);
    if (!entry.isFile() || statSync(file).size > MAX_SEED_BYTES) return null;
    files[relative(folder, file)] = new Uint8Array(readFileSync(file));
    bytes += statSync(file).size;
  }
  const open = relative(folder, path) || '.';
  return bytes <= 2 * MAX_SEED_BYTES && Object.keys(files).length > 0 ? { files, open } : null;
}
