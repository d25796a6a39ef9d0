// Finds the tensors in what a pickle holds and names them as a state dict would: keys joined by dots.

import { QuantscopeError } from '../../base/errors.ts';
import { MAX_NAME_BYTES, MAX_PICKLE_DEPTH, MAX_TENSORS } from '../../base/limits.ts';
import { limitName, quoteName } from '../tensorName.ts';
import { shownName } from './globalLog.ts';
import {
  isDict,
  isInstance,
  isSequence,
  isTensor,
  kindOf,
  type PickleDict,
  type PickleObject,
  type PickleTensor,
  type PickleValue,
} from './pickleValue.ts';

export interface NamedTensor {
  readonly name: string;
  readonly tensor: PickleTensor;
}

export interface CollectedTensors {
  readonly tensors: readonly NamedTensor[];
  /** Whole containers met again under a second name: [second name, first name]. */
  readonly aliases: readonly (readonly [string, string])[];
  /** Tensors of optimizers, which are no part of the model. */
  readonly optimizerTensors: readonly PickleTensor[];
  /** What was met that holds numbers in ways that are not read: "NumPy arrays" → how many. */
  readonly unread: ReadonlyMap<string, number>;
}

/** A tensor that is all the file holds has no name of its own. */
const ROOT_TENSOR = 'tensor';
/** Keys under which training scripts put a state dict beside other things. */
const WRAPPERS = new Set([
  'state_dict',
  'model',
  'model_state_dict',
  'model_state',
  'module',
  'net',
  'network',
  'params',
  'weights',
  'checkpoint',
]);
/** Wrappers inside wrappers: {"checkpoint": {"model": {…}}}. */
const MAX_WRAPPERS = 4;
const OPTIMIZERS = new Set([
  'optimizer',
  'optimizers',
  'optim',
  'optimizer_state',
  'optimizer_states',
  'optimizer_state_dict',
  'optim_state_dict',
  'exp_avg',
  'exp_avg_sq',
  'max_exp_avg_sq',
  'momentum_buffer',
]);
/** Where torch.nn.Module keeps what its state dict holds. */
const MODULE_PARTS = new Set(['_parameters', '_buffers', '_modules']);
/** Their numbers lie inside the pickle. */
const NUMPY_ARRAY = /^numpy\.(core|_core)\.multiarray\._reconstruct$/;
/** A tensor whose rebuilding is not known, or whose arguments make no sense. */
const REBUILT = /^torch\._utils\._rebuild_/;

/**
 * @param file for messages
 * @throws NESTING_LIMIT, NAME_INVALID, COUNT_LIMIT, DUPLICATE_NAME
 */
export function collectTensors(root: PickleValue, file: string): CollectedTensors {
  const { model, optimizers } = findModel(root);
  const collector = new Collector(file, isOptimizer);
  collector.collect(model, '', 0);
  // A file of nothing but optimizer states was opened to see them.
  if (collector.tensors.length === 0 && new TensorSearch(() => false).finds(root)) {
    const everything = new Collector(file, () => false);
    everything.collect(root, '', 0);
    return { ...everything.result(), optimizerTensors: [] };
  }
  const leftOut = new Collector(file, () => false);
  for (const [at, value] of [...optimizers, ...collector.optimizers].entries()) leftOut.collect(value, String(at), 0);
  return { ...collector.result(), optimizerTensors: leftOut.tensors.map(({ tensor }) => tensor) };
}

/** What lies under the one wrapper key that leads to tensors, `root` itself when several do; and optimizers beside it. */
function findModel(root: PickleValue): { model: PickleValue; optimizers: readonly PickleValue[] } {
  const search = new TensorSearch(isOptimizer);
  const optimizers: PickleValue[] = [];
  let model = root;
  for (let depth = 0; depth < MAX_WRAPPERS && isDict(model); depth++) {
    const holders: [PickleValue, PickleValue][] = [];
    for (const [key, item] of model.entries ?? []) {
      if (isOptimizer(key, item)) optimizers.push(item);
      else if (holders.length < 2 && search.finds(item)) holders.push([key, item]);
    }
    const [key, wrapped] = holders[0] ?? [];
    const isWrapper = holders.length === 1 && typeof key === 'string' && WRAPPERS.has(key);
    if (!isWrapper || !(isDict(wrapped) || isInstance(wrapped))) break;
    model = wrapped;
  }
  return { model, optimizers };
}

/** By its key, or by the two keys of torch.optim.Optimizer.state_dict(). */
function isOptimizer(key: PickleValue, value: PickleValue): boolean {
  if (isTensor(value)) return false;
  if (typeof key === 'string' && OPTIMIZERS.has(key)) return true;
  return isDict(value) && value.entries?.has('state') === true && value.entries.has('param_groups');
}

type Skip = (key: PickleValue, value: PickleValue) => boolean;

/** Tells whether values hold tensors; what was found to hold none is never looked at again. */
class TensorSearch {
  readonly #skip: Skip;
  readonly #without = new Set<object>();

  constructor(skip: Skip) {
    this.#skip = skip;
  }

  finds(root: PickleValue): boolean {
    const seen = new Set<object>();
    const waiting: PickleValue[] = [root];
    for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
      if (isTensor(value)) return true;
      if (!isContainer(value) || !this.#isNew(value, seen)) continue;
      for (const { source, children } of partsOf(value)) {
        if (!this.#isNew(source, seen)) continue;
        for (const [key, item] of children) {
          if (kindOf(item) !== null && !(key !== null && this.#skip(key, item))) waiting.push(item);
        }
      }
    }
    for (const source of seen) this.#without.add(source);
    return false;
  }

  #isNew(source: object, seen: Set<object>): boolean {
    if (seen.has(source) || this.#without.has(source)) return false;
    seen.add(source);
    return true;
  }
}

/** Items with their keys; null for a level that state dicts do not name. */
type Children = Iterable<readonly [PickleValue, PickleValue]>;

/** Any number of containers may share an array or a Map: whoever walks a graph walks each `source` once. */
interface Part {
  readonly source: object;
  readonly children: Children;
}

function partsOf(value: PickleValue): Part[] {
  if (isDict(value)) return dictParts(value);
  if (isSequence(value)) return [listPart(value.items)];
  if (!isInstance(value)) return [];
  const { args, items, dict, states } = value;
  return [listPart(args), listPart(items), ...dictParts(dict), ...states.flatMap(stateParts)];
}

function listPart(items: readonly PickleValue[]): Part {
  return { source: items, children: items.entries() };
}

function dictParts({ entries }: PickleDict): Part[] {
  return entries === undefined ? [] : [{ source: entries, children: entries }];
}

/** Attributes: a dict, or the pair of a dict and one of slots. */
function stateParts(state: PickleValue): Part[] {
  const parts = isSequence(state) && state.kind === 'tuple' && state.items.length === 2 ? state.items : [state];
  return parts.flatMap((part): Part[] => {
    if (!isDict(part)) return [{ source: [part], children: [[null, part]] }];
    return dictParts(part).map(({ source, children }) => ({ source, children: attributes(children) }));
  });
}

function* attributes(children: Children): Generator<readonly [PickleValue, PickleValue]> {
  for (const [key, item] of children) yield [typeof key === 'string' && MODULE_PARTS.has(key) ? null : key, item];
}

class Collector {
  readonly tensors: NamedTensor[] = [];
  readonly optimizers: PickleValue[] = [];
  readonly #aliases: [string, string][] = [];
  readonly #file: string;
  readonly #skip: Skip;
  readonly #names = new Set<string>();
  /** Containers walked and what they share, with their names if tensors were found there. */
  readonly #seen = new Map<object, string | null>();
  readonly #unread = new Map<string, number>();

  constructor(file: string, skip: Skip) {
    this.#file = file;
    this.#skip = skip;
  }

  result(): Omit<CollectedTensors, 'optimizerTensors'> {
    return { tensors: this.tensors, aliases: this.#aliases, unread: this.#unread };
  }

  collect(value: PickleValue, name: string, depth: number): void {
    if (isTensor(value)) this.#add(value, name === '' ? ROOT_TENSOR : name);
    else if (isContainer(value)) this.#walk(value, name, depth);
  }

  #walk(container: PickleObject, name: string, depth: number): void {
    if (depth > MAX_PICKLE_DEPTH) {
      const fact = `containers lie more than ${MAX_PICKLE_DEPTH} levels inside each other`;
      throw new QuantscopeError('NESTING_LIMIT', `${this.#file}: ${fact}`);
    }
    this.#once(container, name, () => {
      if (isInstance(container)) this.#tellUnread(container.type);
      for (const { source, children } of partsOf(container)) {
        this.#once(source, name, () => this.#walkChildren(children, name, depth));
      }
    });
  }

  #walkChildren(children: Children, name: string, depth: number): void {
    let position = 0;
    for (const [key, item] of children) {
      position++;
      if (kindOf(item) === null) continue;
      if (key !== null && this.#skip(key, item)) this.optimizers.push(item);
      else this.collect(item, key === null ? name : join(name, keyName(key, position - 1)), depth + 1);
    }
  }

  /** A second name of what holds tensors is an alias. */
  #once(source: object, name: string, walk: () => void): void {
    const known = this.#seen.get(source);
    if (known !== undefined) {
      if (known !== null) this.#aliases.push([name, known]);
      return;
    }
    // Set before its items are walked: a container may hold itself.
    this.#seen.set(source, null);
    const before = this.tensors.length;
    walk();
    if (this.tensors.length > before) this.#seen.set(source, name);
  }

  #tellUnread(type: string): void {
    const kind = NUMPY_ARRAY.test(type) ? 'NumPy arrays' : REBUILT.test(type) ? `results of ${shownName(type)}` : null;
    if (kind !== null) this.#unread.set(kind, (this.#unread.get(kind) ?? 0) + 1);
  }

  #add(tensor: PickleTensor, name: string): void {
    const where = (): string => `${this.#file}: the tensor name ${quoteName(name)}`;
    limitName(Buffer.byteLength(name), MAX_NAME_BYTES, where);
    if (this.#names.has(name)) {
      throw new QuantscopeError('DUPLICATE_NAME', `${this.#file}: two tensors are named ${quoteName(name)}`);
    }
    if (this.tensors.length === MAX_TENSORS) {
      throw new QuantscopeError('COUNT_LIMIT', `${this.#file}: more than ${MAX_TENSORS} tensors`);
    }
    this.#names.add(name);
    this.tensors.push({ name, tensor });
  }
}

function isContainer(value: PickleValue): value is PickleObject {
  return isDict(value) || isSequence(value) || isInstance(value);
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

function keyName(key: PickleValue, position: number): string {
  if (key instanceof Uint8Array) return Buffer.from(key).toString('latin1');
  return typeof key === 'object' ? `#${position}` : String(key);
}
