// The allow-list: calls of pickles whose result is known from torch/_utils.py, given as data. All others stay opaque.

import { MAX_TENSOR_RANK } from '../../base/limits.ts';
import {
  globalPath,
  isDict,
  isGlobal,
  isSequence,
  isTensor,
  isTuple,
  kindOf,
  type PickleDict,
  type PickleGlobal,
  type PickleInstance,
  type PickleList,
  type PickleStorage,
  type PickleTensor,
  type PickleValue,
} from './pickleValue.ts';
import { quantizerOf } from './quantizer.ts';
import { dtypeOfTorch, isDtypeGlobal, isStorageClass, storageType } from './storageTypes.ts';

/** Accounts for what a call copies: its arguments may be shared by a million calls. */
export type Spend = (words: number) => void;

/** Null: the arguments do not fit, so that the call stays opaque. */
type Reconstruct = (args: readonly PickleValue[], spend: Spend) => PickleValue | null;

const first: Reconstruct = ([value]) => value ?? null;
const firstTensor: Reconstruct = ([value]) => (isTensor(value) ? value : null);
/** Copies of lists and dicts share their memory: nobody changes them any more. */
const listOf =
  (kind: PickleList['kind']): Reconstruct =>
  ([from]) => {
    if (from === undefined) return { kind, items: [] };
    return isSequence(from) ? { kind, items: from.items } : null;
  };

const CALLS: ReadonlyMap<string, Reconstruct> = new Map<string, Reconstruct>([
  ['torch._utils._rebuild_tensor', rebuildTensor],
  [
    'torch._utils._rebuild_tensor_v2',
    ([storage, start, shape, strides, , , bits]) =>
      hasEntries(bits) ? null : rebuildTensor([storage, start, shape, strides].map(orNone)),
  ],
  [
    'torch._utils._rebuild_tensor_v3',
    ([storage, start, shape, strides, , , dtype, bits]) =>
      hasEntries(bits) ? null : rebuildTensor([storage, start, shape, strides, dtype].map(orNone)),
  ],
  ['torch._utils._rebuild_qtensor', rebuildQuantized],
  ['torch._utils._rebuild_sparse_tensor', rebuildSparse],
  ['torch._utils._rebuild_parameter', firstTensor],
  ['torch._utils._rebuild_parameter_with_state', firstTensor],
  ['torch._utils._rebuild_device_tensor_from_cpu_tensor', firstTensor],
  ['torch.nn.parameter.Parameter', firstTensor],
  ['torch.nn.parameter.Buffer', firstTensor],
  ['torch.autograd.variable.Variable', firstTensor],
  ['torch.Size', listOf('tuple')],
  ['torch.jit._pickle.build_intlist', first],
  ['torch.jit._pickle.build_doublelist', first],
  ['torch.jit._pickle.build_boollist', first],
  ['torch.jit._pickle.build_tensorlist', first],
  ['torch.jit._pickle.restore_type_tag', first],
  ['collections.OrderedDict', dictOf],
  ['collections.Counter', dictOf],
  ['collections.defaultdict', ([, from], spend) => dictOf(from === undefined ? [] : [from], spend)],
  ['builtins.dict', dictOf],
  ['builtins.list', listOf('list')],
  ['builtins.tuple', listOf('tuple')],
  ['builtins.set', listOf('set')],
  ['builtins.frozenset', listOf('set')],
  ['builtins.bytearray', bytesOf],
  ['builtins.bytes', bytesOf],
  ['_codecs.encode', bytesOf],
]);

/** Words of 16 bytes an entry of a Map takes. */
export const WORDS_PER_ENTRY = 4;
/** (indices, values, size, is_coalesced), or one more for compressed layouts. */
const MAX_SPARSE_PARTS = 8;

/** Globals whose calls make inert objects: kept opaque, but nothing to warn of. */
const INERT = new Set(
  [
    'builtins.object builtins.complex builtins.int builtins.float builtins.bool builtins.str builtins.slice builtins.range',
    'copyreg._reconstructor copyreg.__newobj__ copyreg.__newobj_ex__ collections.deque datetime.datetime datetime.date',
    'datetime.timedelta torch.device torch.Tensor torch.Generator torch.serialization._get_layout torch.strided',
    'torch._tensor._rebuild_from_type_v2 torch._utils._rebuild_wrapper_subclass torch.sparse_coo torch.sparse_csr',
    'torch._utils._rebuild_meta_tensor_no_storage torch._utils._rebuild_nested_tensor torch.contiguous_format',
    'torch.per_tensor_affine torch.per_tensor_symmetric torch.per_channel_affine torch.per_channel_symmetric',
    'torch.per_channel_affine_float_qparams torch.channels_last torch.preserve_format',
    'numpy.dtype numpy.ndarray numpy.core.multiarray._reconstruct numpy.core.multiarray.scalar',
    'numpy._core.multiarray._reconstruct numpy._core.multiarray.scalar numpy.core.numeric._frombuffer',
    'numpy._core.numeric._frombuffer',
  ].flatMap((line) => line.split(' ')),
);
const NUMPY_DTYPE =
  /^numpy\.(dtypes\.[A-Z][A-Za-z0-9]*DType|bool_?|u?int(8|16|32|64)|float(16|32|64)|complex(64|128)|str_)$/;
const TENSOR_CLASS = /^torch\.(cuda\.)?[A-Z][A-Za-z0-9]*Tensor$/;

/** True for every global that is rebuilt here, or whose object can do no harm. */
export function isReconstructed(global: PickleGlobal): boolean {
  const path = globalPath(global);
  return (
    CALLS.has(path) ||
    INERT.has(path) ||
    isStorageClass(global) ||
    isDtypeGlobal(global) ||
    NUMPY_DTYPE.test(path) ||
    TENSOR_CLASS.test(path)
  );
}

/** What calling `global` with `args` gives; an opaque object when that is not known. */
export function reconstruct(global: PickleGlobal, args: readonly PickleValue[], spend: Spend): PickleValue {
  const path = globalPath(global);
  if (path === 'torch._tensor._rebuild_from_type_v2') return rebuildFromType(args, spend);
  const [made] = args;
  if (global.module === 'copyreg' && isGlobal(made)) {
    // __newobj__(class, …) is what NEWOBJ does; _reconstructor(class, base, state) makes an object of the class, too.
    const isNew = global.name === '__newobj__' && made.module !== 'copyreg';
    if (!isNew) return instanceOf(globalPath(made), []);
    spend(args.length);
    return reconstruct(made, args.slice(1), spend);
  }
  return CALLS.get(path)?.(args, spend) ?? instanceOf(path, args);
}

export function instanceOf(type: string, args: readonly PickleValue[]): PickleInstance {
  return { kind: 'instance', type, args, items: [], dict: { kind: 'dict' }, states: [] };
}

/** (function, type, arguments, state): a tensor subclass, or a tensor with attributes. */
function rebuildFromType(args: readonly PickleValue[], spend: Spend): PickleValue {
  const [rebuild, type, inner, state] = args;
  const fits = isGlobal(rebuild) && isGlobal(type) && inner !== undefined && isSequence(inner);
  if (!fits || rebuild.name.startsWith('_rebuild_from_type')) return instanceOf('torch.Tensor', args);
  const made = reconstruct(rebuild, inner.items, spend);
  if (isTensor(made) || kindOf(made) !== 'instance') return made;
  const wrapper = instanceOf(globalPath(type), []);
  if (state !== undefined) wrapper.states.push(state);
  return wrapper;
}

/** (storage, start, shape, strides, dtype?). */
function rebuildTensor([storage, start, shape, strides, dtype]: readonly PickleValue[]): PickleTensor | null {
  const memory = storageOf(storage);
  if (memory === null || typeof start !== 'number') return null;
  const sizes = integers(shape);
  const steps = integers(strides);
  if (sizes === null || steps === null || sizes.length !== steps.length) return null;
  const dtypeName = isGlobal(dtype) ? dtype.name : memory.type;
  const known = isGlobal(dtype) ? dtypeOfTorch(dtype.name) : storageType(memory.type)?.dtype;
  return { kind: 'tensor', storage: memory, dtype: known ?? null, dtypeName, start, shape: sizes, strides: steps };
}

/** Some writers of tar archives hand over the persistent id itself. */
function storageOf(value: PickleValue | undefined): PickleStorage | null {
  if (kindOf(value) === 'storage') return value as PickleStorage;
  if (value === undefined || !isTuple(value) || value.items[0] !== 'storage') return null;
  const [, type, key, , elements] = value.items;
  if (!isGlobal(type) || !isStorageClass(type) || typeof key !== 'string' || typeof elements !== 'number') return null;
  return { kind: 'storage', key, type: type.name, elements };
}

/** (storage, start, shape, strides, (scheme, …), requires_grad, hooks). */
function rebuildQuantized([storage, start, shape, strides, parameters]: readonly PickleValue[]): PickleTensor | null {
  const tensor = rebuildTensor([storage, start, shape, strides].map(orNone));
  const quantizer = quantizerOf(parameters ?? null);
  return tensor === null || quantizer === null ? null : { ...tensor, quantizer };
}

/** The parts of a sparse tensor are tensors of their own; only their names are lost in the arguments. */
function rebuildSparse([, data]: readonly PickleValue[]): PickleValue | null {
  if (data === undefined || !isSequence(data)) return null;
  const tensors = data.items.slice(0, MAX_SPARSE_PARTS).filter(isTensor);
  const names = tensors.length === 2 ? ['indices', 'values'] : ['compressed_indices', 'plain_indices', 'values'];
  const sparse = instanceOf('torch.sparse', []);
  const entries = new Map<PickleValue, PickleValue>(tensors.map((tensor, at) => [names[at] ?? String(at), tensor]));
  const dict: PickleDict = { kind: 'dict', entries };
  sparse.states.push(dict);
  return sparse;
}

function dictOf([from]: readonly PickleValue[], spend: Spend): PickleValue | null {
  if (from === undefined || from === null || isGlobal(from)) return { kind: 'dict' };
  if (isDict(from)) return from.entries === undefined ? { kind: 'dict' } : { kind: 'dict', entries: from.entries };
  if (!isSequence(from)) return null;
  spend(from.items.length * WORDS_PER_ENTRY);
  const entries = new Map<PickleValue, PickleValue>();
  for (const pair of from.items) {
    if (!isSequence(pair) || pair.items.length !== 2) return null;
    entries.set(pair.items[0] ?? null, pair.items[1] ?? null);
  }
  return { kind: 'dict', entries };
}

function bytesOf([from]: readonly PickleValue[], spend: Spend): PickleValue | null {
  if (from === undefined) return new Uint8Array(0);
  if (typeof from === 'string') {
    spend(from.length / 16);
    return Buffer.from(from, 'latin1');
  }
  return from instanceof Uint8Array ? from : null;
}

function integers(value: PickleValue | undefined): number[] | null {
  if (value === undefined || !isSequence(value) || value.items.length > MAX_TENSOR_RANK) return null;
  return value.items.every((item) => typeof item === 'number') ? [...(value.items as number[])] : null;
}

const orNone = (value: PickleValue | undefined): PickleValue => value ?? null;

/** Conjugate and negative bits: values that are not as stored. */
function hasEntries(value: PickleValue | undefined): boolean {
  return isDict(value) && (value.entries?.size ?? 0) > 0;
}
