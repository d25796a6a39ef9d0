// One PyTorch file of whatever age: its container is told by its first bytes, never by its name.

import { bytesText } from '../../base/byteText.ts';
import { QuantscopeError } from '../../base/errors.ts';
import { type ByteSource, openByteSource } from '../../io/byteSource.ts';
import { beginsLikeTar } from '../../io/tar.ts';
import { beginsLikeZip } from '../../io/zip/zipDirectory.ts';
import type { MetadataValue } from '../checkpoint.ts';
import { HEAD_BYTES } from '../format.ts';
import { refuseLfsPointer } from '../lfsPointer.ts';
import type { ShardFile } from '../shards.ts';
import { quoteName } from '../tensorName.ts';
import { type CollectedTensors, collectTensors, type NamedTensor } from './collectTensors.ts';
import type { Container } from './container.ts';
import { GlobalLog } from './globalLog.ts';
import { readLegacyContainer } from './legacyContainer.ts';
import type { PickleTensor, PickleValue } from './pickleValue.ts';
import { scalarsOf } from './scalars.ts';
import { bytesPerElement } from './storageTypes.ts';
import { storeTensors } from './storeTensors.ts';
import { readTarContainer } from './tarContainer.ts';
import { readZipContainer } from './zipContainer.ts';

export interface PytorchFile extends ShardFile {
  /** "module.name" of every class and function the pickles name, sorted. */
  readonly globals: readonly string[];
}

/** Ties told by name in one warning. */
const SHOWN_TIES = 4;
/** Ties told in the metadata. */
const LISTED_TIES = 1000;
/** Kinds of objects without numbers that are named; real files have one or two. */
const SHOWN_KINDS = 8;

/** @param index of the file in the checkpoint. @throws every code of unpickle, the containers and storeTensors */
export async function readPytorchFile(
  path: string,
  index: number,
  signal: AbortSignal | undefined,
): Promise<PytorchFile> {
  await using source = await openByteSource(path, signal);
  const globals = new GlobalLog();
  const container = await readContainer(source, index, globals);
  const { name } = source;
  const collected = collectTensors(container.root, name);
  const named = [...collected.tensors, ...constantsOf(container.constants, name)];
  const { kept, ties } = separateTies(named);
  const aliases = [...ties, ...collected.aliases.map(([second, first]) => [`${second}.*`, `${first}.*`] as const)];
  const stored = storeTensors(kept, await container.locate(storageKeys(kept)), index, name);
  const metadata: Record<string, MetadataValue> = { ...scalarsOf(container.root) };
  if (aliases.length > 0)
    metadata.tied = aliases.slice(0, LISTED_TIES).map(([second, first]) => `${second} = ${first}`);
  return {
    file: { path, sizeBytes: source.sizeBytes, modifiedMs: source.modifiedMs },
    tensors: stored.tensors,
    aliases: new Map(ties),
    metadata,
    globals: globals.paths,
    warnings: [
      ...globals.warnings(name),
      ...tellTies(name, aliases),
      ...tellLeftOut(name, collected),
      ...stored.warnings,
    ],
    headerBytes: container.headerBytes,
    headerDigest: container.headerDigest,
    bytesRead: source.bytesRead,
  };
}

async function readContainer(source: ByteSource, file: number, globals: GlobalLog): Promise<Container> {
  const head = await source.read(0, Math.min(HEAD_BYTES, source.sizeBytes));
  await refuseLfsPointer(source, head);
  try {
    if (beginsLikeZip(head)) return await readZipContainer(source, file, globals);
    if (beginsLikeTar(head)) return await readTarContainer(source, file, globals);
    return await readLegacyContainer(source, file, globals);
  } catch (error) {
    // Python runs everything before the break, so a broken file may still be an attack.
    const suspicion = globals.firstSuspicion;
    if (!(error instanceof QuantscopeError) || suspicion === null || error.code === 'CANCELLED') throw error;
    throw new QuantscopeError(error.code, `${error.message}; before that, it ${suspicion}`, { cause: error });
  }
}

function constantsOf(constants: PickleValue, name: string): NamedTensor[] {
  const { tensors } = collectTensors(constants, name);
  return tensors.map((constant) => ({ ...constant, name: `constants.${constant.name}` }));
}

function storageKeys(named: readonly NamedTensor[]): Set<string> {
  const keys = new Set<string>();
  for (const { tensor } of named) {
    keys.add(tensor.storage.key);
    if (tensor.quantizer !== undefined && 'scales' in tensor.quantizer) {
      keys.add(tensor.quantizer.scales.storage.key);
      keys.add(tensor.quantizer.zeros.storage.key);
    }
  }
  return keys;
}

/**
 * Tied tensors are one tensor with several names. The first name keeps it, so that parameters and bytes count once, as
 * in safetensors files, whose writer drops the other names too.
 */
function separateTies(named: readonly NamedTensor[]): { kept: NamedTensor[]; ties: [string, string][] } {
  const kept: NamedTensor[] = [];
  const ties: [string, string][] = [];
  const firstOf = new Map<string, string>();
  for (const entry of named) {
    const { storage, start, shape, strides, dtypeName } = entry.tensor;
    const view = storage.view === undefined ? '' : `${storage.view.offset}+`;
    const place = `${view}${start}\n${shape}\n${strides}\n${dtypeName}\n${storage.key}`;
    const first = shape.includes(0) ? undefined : firstOf.get(place);
    if (first === undefined) {
      firstOf.set(place, entry.name);
      kept.push(entry);
    } else ties.push([entry.name, first]);
  }
  return { kept, ties };
}

function tellTies(name: string, aliases: readonly (readonly [string, string])[]): string[] {
  if (aliases.length === 0) return [];
  const shown = aliases.slice(0, SHOWN_TIES).map(([second, first]) => `${quoteName(second)} is ${quoteName(first)}`);
  const more = aliases.length > SHOWN_TIES ? `, … (${aliases.length} in all)` : '';
  return [`${name}: tied tensors are listed and counted once: ${shown.join(', ')}${more}`];
}

function tellLeftOut(name: string, { optimizerTensors, unread }: CollectedTensors): string[] {
  const warnings: string[] = [];
  if (optimizerTensors.length > 0) {
    const size = `${bytesText(bytesOf(optimizerTensors))} in ${optimizerTensors.length} tensor(s)`;
    warnings.push(`${name}: optimizer states are left out: ${size}`);
  }
  for (const [kind, count] of [...unread].slice(0, SHOWN_KINDS))
    warnings.push(`${name}: ${count} ${kind} inside the pickle are left out`);
  if (unread.size > SHOWN_KINDS) warnings.push(`${name}: so are ${unread.size - SHOWN_KINDS} more kinds of objects`);
  return warnings;
}

/** As the tensors claim, each storage once. */
function bytesOf(tensors: readonly PickleTensor[]): number {
  const bytes = new Map<string, number>();
  for (const { storage, shape, dtype } of tensors) {
    const own = shape.reduce((product, length) => product * length, bytesPerElement(dtype));
    bytes.set(storage.key, Math.max(bytes.get(storage.key) ?? 0, own));
  }
  return [...bytes.values()].reduce((total, own) => total + own, 0);
}
