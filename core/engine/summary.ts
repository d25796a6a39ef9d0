// What the headers alone say about a model: counts, sizes, mixes.

import {
  type Checkpoint,
  countParameters,
  isParameter,
  type MetadataValue,
  type TensorInfo,
} from '../checkpoint/checkpoint.ts';
import { ggufBlocker } from '../export/gguf/layout.ts';
import type { ModelSummary, TensorTable } from '../protocol/objects.ts';
import { isQuantizable } from '../quant/ggufTypes.ts';

/** Enough to recognise a model; a GGUF vocabulary alone has a quarter of a million entries. */
const MAX_METADATA_ENTRIES = 400;
const MAX_METADATA_CHARACTERS = 400;
const MAX_ARRAY_ITEMS = 8;

export function modelSummary(checkpoint: Checkpoint, model: number, openMs: number): ModelSummary {
  const { tensors } = checkpoint;
  const parameters = countParameters(tensors);
  const bytes = sum(tensors, (t) => t.bytes);
  const parameterBytes = sum(tensors, (t) => (isParameter(t) ? t.bytes : 0));
  return {
    model,
    path: checkpoint.path,
    name: checkpoint.name,
    format: checkpoint.format,
    architecture: checkpoint.model.architecture,
    layers: checkpoint.model.layers,
    files: checkpoint.files.length,
    tensorCount: tensors.length,
    parameters,
    bytes,
    fileBytes: sum(checkpoint.files, (f) => f.sizeBytes),
    bitsPerWeight: parameters === 0 ? 0 : (parameterBytes * 8) / parameters,
    dtypes: mix(tensors, (t) => t.dtype).map(({ key, ...rest }) => ({ dtype: key, ...rest })),
    roles: mix(tensors, (t) => t.role).map(({ key, ...rest }) => ({ role: key, ...rest })),
    ...shownMetadata(checkpoint),
    warnings: [...checkpoint.warnings],
    companions: checkpoint.companions.map((companion) => ({ ...companion })),
    imatrix:
      checkpoint.imatrix === undefined ? null : { ...checkpoint.imatrix, datasets: [...checkpoint.imatrix.datasets] },
    fingerprint: checkpoint.fingerprint,
    bytesRead: checkpoint.bytesRead,
    openMs,
    ggufBlocker: ggufBlocker(checkpoint),
  };
}

/** Lists come from `map`: what is made with a length and filled later is serialized entry by entry, with its holes. */
export function tensorTable({ tensors, imatrix }: Checkpoint): TensorTable {
  const count = tensors.length;
  const [elements, bytes] = [new Float64Array(count), new Float64Array(count)];
  const layers = new Int32Array(count);
  const quantizable = new Uint8Array(count);
  tensors.forEach((tensor, at) => {
    elements[at] = tensor.elements;
    bytes[at] = tensor.bytes;
    layers[at] = tensor.layer ?? -1;
    quantizable[at] = imatrix === undefined && isQuantizable(tensor) ? 1 : 0;
  });
  return {
    names: tensors.map((t) => t.name),
    dtypes: tensors.map((t) => t.dtype),
    shapes: tensors.map((t) => t.shape),
    elements,
    bytes,
    layers,
    roles: tensors.map((t) => t.role),
    stacks: tensors.map((t) => t.stack),
    modules: tensors.map((t) => t.module),
    schemes: tensors.map((t) => (t.storage?.kind === 'packed' ? t.storage.scheme : '')),
    quantizable,
  };
}

/** Groups with their totals, largest first. */
function mix<K extends string>(tensors: readonly TensorInfo[], keyOf: (tensor: TensorInfo) => K) {
  const groups = new Map<K, { key: K; tensors: number; parameters: number; bytes: number }>();
  for (const tensor of tensors) {
    const key = keyOf(tensor);
    let group = groups.get(key);
    if (group === undefined) {
      group = { key, tensors: 0, parameters: 0, bytes: 0 };
      groups.set(key, group);
    }
    group.tensors++;
    group.parameters += tensor.elements;
    group.bytes += tensor.bytes;
  }
  return [...groups.values()].sort((a, b) => b.bytes - a.bytes || (a.key < b.key ? -1 : 1));
}

/** GGUF values are looked at by their first items: decoding whole vocabularies would take longer than opening the file. */
function shownMetadata({ gguf, metadata }: Checkpoint): Pick<ModelSummary, 'metadata' | 'metadataCount'> {
  if (gguf !== undefined)
    return {
      metadata: gguf.keyValues
        .slice(0, MAX_METADATA_ENTRIES)
        .map(({ key, items, preview }) => ({ key, value: shortText(preview(MAX_ARRAY_ITEMS), items?.count) })),
      metadataCount: gguf.keyValues.length,
    };
  const entries = Object.entries(metadata);
  return {
    metadata: entries.slice(0, MAX_METADATA_ENTRIES).map(([key, value]) => ({ key, value: shortText(value) })),
    metadataCount: entries.length,
  };
}

/** @param length items of the whole array, of which `value` may hold the first ones only */
function shortText(value: MetadataValue, length?: number): string {
  if (!Array.isArray(value)) return cut(String(value));
  const items = value.slice(0, MAX_ARRAY_ITEMS).map((item: MetadataValue) => shortText(item));
  const rest = (length ?? value.length) - items.length;
  return cut(`[${items.join(', ')}${rest > 0 ? `, … ${rest} more` : ''}]`);
}

function cut(text: string): string {
  return text.length <= MAX_METADATA_CHARACTERS ? text : `${text.slice(0, MAX_METADATA_CHARACTERS)}…`;
}

function sum<T>(items: readonly T[], figureOf: (item: T) => number): number {
  return items.reduce((total, item) => total + figureOf(item), 0);
}
