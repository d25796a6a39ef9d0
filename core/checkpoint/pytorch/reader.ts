// PyTorch checkpoints: torch.save of every age, TorchScript, and Hugging Face shards with an index. Pickles are
// interpreted as data; nothing they name is ever imported or called.

import { basename } from 'node:path';
import { QuantscopeError } from '../../base/errors.ts';
import type { ByteSource } from '../../io/byteSource.ts';
import { beginsLikeTar, readTarDirectory } from '../../io/tar.ts';
import { beginsLikeZip, readZipDirectory } from '../../io/zip/zipDirectory.ts';
import { NO_CONFIG, readModelConfig } from '../config.ts';
import type { FormatReader, Sniff } from '../format.ts';
import { sameCheckpoint } from '../shardName.ts';
import { readShards, refuseIncomplete } from '../shards.ts';
import { readPytorchFile } from './file.ts';
import { beginsWithMagic } from './legacyContainer.ts';
import { MAX_PROTOCOL, OPCODES } from './opcodes.ts';
import { isTarCheckpoint } from './tarContainer.ts';
import { picklesOf } from './zipContainer.ts';

const INDEX_EXTENSION = '.bin.index.json';
/** Protocols 0 and 1 have no mark of their own: a global, a string, or a container that goes to the memo at once. */
const OLD_PICKLE = /^(\(?[ci][\w.]{1,100}\n[\w.]{1,100}\n|\(S['"]|[}\]]q\0|\([dl]p0\n)/;

export const pytorchReader: FormatReader = {
  format: 'pytorch',
  extensions: [INDEX_EXTENSION, '.pt', '.pth', '.bin', '.ckpt', '.jit', '.th', '.tar'],
  sniff,
  choose: choosePytorch,
  readConfig: async ([first]) => (first === undefined ? NO_CONFIG : readModelConfig(first)),
  async read(paths, signal) {
    const globals = new Set<string>();
    const readFile = async (path: string, index: number, cancel: AbortSignal | undefined) => {
      const file = await readPytorchFile(path, index, cancel);
      for (const global of file.globals) globals.add(global);
      return file;
    };
    const read = await readShards(paths, INDEX_EXTENSION, readFile, signal);
    return { ...read, metadata: { ...read.metadata, globals: [...globals].sort() } };
  },
};

async function sniff(head: Uint8Array, source: ByteSource): Promise<Sniff> {
  if (beginsWithMagic(head)) return 'surely';
  // A broken archive is nobody's for sure; whoever its name belongs to tells what is wrong with it.
  if (beginsLikeZip(head)) {
    const entries = await readZipDirectory(source).catch(() => null);
    return entries === null ? 'maybe' : picklesOf(entries).length > 0 ? 'surely' : 'no';
  }
  if (beginsLikeTar(head)) {
    const entries = await readTarDirectory(source).catch(() => null);
    return entries === null ? 'maybe' : isTarCheckpoint(entries) ? 'surely' : 'no';
  }
  const [first, protocol = 0] = head;
  if (first === OPCODES.PROTO) return protocol >= 2 && protocol <= MAX_PROTOCOL ? 'maybe' : 'no';
  return OLD_PICKLE.test(Buffer.from(head.subarray(0, 256)).toString('latin1')) ? 'maybe' : 'no';
}

/** What trainers leave beside a model. */
const NOT_A_MODEL =
  /^(training_args|optimizer|scheduler|scaler|random_states?|rng_state|sampler|dataloader|trainer_state)/;
/** Other programs call their files so too: only the names of published models are taken for one. */
const BIN_MODEL = /^(diffusion_)?(pytorch_model|adapter_model|open_clip_pytorch_model)[^/]*\.bin$/;
const OTHER_MODEL = /\.(pt|pth|ckpt|jit|th|pth\.tar|pt\.tar)$/;

function choosePytorch(folder: string, names: readonly string[]): readonly string[] | null {
  const preferred = ['pytorch_model.bin.index.json', 'pytorch_model.bin'].find((name) => names.includes(name));
  if (preferred !== undefined) return [preferred];
  const indexes = names.filter((name) => name.toLowerCase().endsWith(INDEX_EXTENSION));
  const files = names.filter((name) => {
    const lower = name.toLowerCase();
    return !NOT_A_MODEL.test(lower) && (BIN_MODEL.test(lower) || OTHER_MODEL.test(lower));
  });
  if (indexes[0] !== undefined && indexes.length === 1) return [indexes[0]];
  if (files.length + indexes.length === 0) return null;
  if (files.length === 1 && indexes.length === 0) return files;
  if (indexes.length > 0 || !sameCheckpoint(files)) {
    const found = [...indexes, ...files].slice(0, 4).join(', ');
    const fact = `several checkpoints (${found}, …), open one of them`;
    throw new QuantscopeError('FORMAT_UNKNOWN', `${basename(folder)}: ${fact}`);
  }
  refuseIncomplete(folder, files);
  return files;
}
