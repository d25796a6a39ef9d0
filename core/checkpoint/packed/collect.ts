// Groups of stored tensors that are one quantized weight become one logical tensor; everything else stays as it is.

import { basename } from 'node:path';
import type { CheckpointFile } from '../checkpoint.ts';
import type { StoredTensor } from '../format.ts';
import { quoteName } from '../tensorName.ts';
import { type Candidate, invalid, LeftAsStored, type PackedGroup, type PackingContext, partName } from './packing.ts';
import { quantizationConfig } from './quantizationConfig.ts';
import { PACKINGS } from './registry.ts';
import { readSmallParts } from './smallParts.ts';

/** Names that nothing but codes of a quantizer has. */
const ALWAYS_CODES: readonly string[] = ['qweight', 'weight_packed'];

export interface CollectedTensors {
  readonly tensors: readonly StoredTensor[];
  readonly warnings: readonly string[];
  readonly bytesRead: number;
}

/**
 * A logical tensor takes the place of its codes; its other parts are no longer listed.
 *
 * @param tensors as the files describe them, names distinct
 * @param config parsed config.json, or null
 * @throws PACKING_INVALID when the parts of a group do not fit each other; FILE_* when small parts cannot be read
 */
export async function collectPacked(
  tensors: readonly StoredTensor[],
  files: readonly CheckpointFile[],
  config: Readonly<Record<string, unknown>> | null,
  signal?: AbortSignal,
): Promise<CollectedTensors> {
  const candidates: Candidate[] = [];
  for (const tensor of tensors) {
    const candidate = candidateOf(tensor);
    if (candidate !== null) candidates.push(candidate);
  }
  if (candidates.length === 0) return { tensors, warnings: [], bytesRead: 0 };
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  // Most of what packings ask for is in no module at all: known without putting its whole name together.
  const attributes = new Set(tensors.map(({ name }) => name.slice(name.lastIndexOf('.') + 1)));
  const known = {
    config: quantizationConfig(config),
    find: (name: string) => byName.get(name),
    part: (module: string, attribute: string) =>
      attributes.has(attribute) ? byName.get(partName(module, attribute)) : undefined,
    fileOf: (tensor: StoredTensor) => basename(files[tensor.file]?.path ?? ''),
  };
  const wanted = candidates.flatMap((candidate) =>
    PACKINGS.flatMap((packing) =>
      packing.claims(candidate.attribute, candidate.codes.dtype) ? (packing.smallParts?.(candidate, known) ?? []) : [],
    ),
  );
  const { contents, bytesRead } = await readSmallParts(files, wanted, signal);
  const context: PackingContext = { ...known, contents: (tensor) => contents.get(tensor) };
  const groups = new Map<StoredTensor, PackedGroup>();
  const left = new LeftGroups();
  for (const candidate of candidates) {
    const group = readGroup(candidate, context, left);
    const codes = group?.parts[0];
    if (group === null || codes === undefined) continue;
    if (groups.has(codes)) invalid(context, codes, 'is packed in two ways at once');
    groups.set(codes, group);
  }
  return { tensors: listed(tensors, groups, context), warnings: left.warnings(), bytesRead };
}

/** Plain floats are never codes, and most checkpoints hold nothing else: they must not pay for what follows. */
function candidateOf(codes: StoredTensor): Candidate | null {
  const { dtype, name } = codes;
  if (dtype === 'BF16' || dtype === 'F16' || dtype === 'F32') return null;
  const dot = name.lastIndexOf('.');
  const attribute = name.slice(dot + 1);
  if (!PACKINGS.some((packing) => packing.claims(attribute, dtype))) return null;
  return { codes, attribute, module: dot < 0 ? '' : name.slice(0, dot) };
}

function readGroup(candidate: Candidate, context: PackingContext, left: LeftGroups): PackedGroup | null {
  const { attribute, codes } = candidate;
  try {
    for (const packing of PACKINGS) {
      const group = packing.claims(attribute, codes.dtype) ? packing.read(candidate, context) : null;
      if (group !== null) return group;
    }
  } catch (error) {
    if (!(error instanceof LeftAsStored)) throw error;
    left.add(codes, error.message);
    return null;
  }
  if (ALWAYS_CODES.includes(attribute)) left.add(codes, 'the scales that belong to them are missing');
  return null;
}

/** @throws PACKING_INVALID when a logical tensor would have the name of another one */
function listed(
  tensors: readonly StoredTensor[],
  groups: ReadonlyMap<StoredTensor, PackedGroup>,
  context: PackingContext,
): readonly StoredTensor[] {
  if (groups.size === 0) return tensors;
  const consumed = new Set([...groups.values()].flatMap(({ parts }) => parts));
  const names = new Set<string>();
  for (const [codes, { tensor }] of groups) {
    const other = context.find(tensor.name);
    if (names.has(tensor.name) || (other !== undefined && !consumed.has(other))) {
      invalid(context, codes, `stands beside another tensor named ${quoteName(tensor.name)}`);
    }
    names.add(tensor.name);
  }
  return tensors.flatMap((tensor) => groups.get(tensor)?.tensor ?? (consumed.has(tensor) ? [] : [tensor]));
}

/** One warning for each reason, however many groups have it. */
class LeftGroups {
  readonly #byReason = new Map<string, { first: StoredTensor; count: number }>();

  add(codes: StoredTensor, reason: string): void {
    const found = this.#byReason.get(reason);
    if (found === undefined) this.#byReason.set(reason, { first: codes, count: 1 });
    else found.count++;
  }

  warnings(): string[] {
    return [...this.#byReason].map(([reason, { first, count }]) => {
      const which = count === 1 ? 'one packed tensor' : `${count} packed tensors`;
      return `${which} listed as stored, ${quoteName(first.name)}${count === 1 ? '' : ' the first'}: ${reason}`;
    });
  }
}
