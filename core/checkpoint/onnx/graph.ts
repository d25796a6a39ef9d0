// A graph as far as weights are concerned: its nodes, its tensors, and the graph around it.

import { DistinctNames } from '../distinctNames.ts';
import type { TensorRecord } from './tensorProto.ts';

export interface OnnxNode {
  readonly name: string;
  readonly opType: string;
  /** '' and 'ai.onnx' are the standard one. */
  readonly domain: string;
  /** Names of values; '' where an optional input is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Those of NEEDED_ATTRIBUTES that it has. */
  readonly integers: ReadonlyMap<string, number>;
}

export class OnnxGraph {
  /** What its tensors' names begin with: '' for the main graph. */
  readonly prefix: string;
  /** The graph whose values this one sees as well. */
  readonly parent: OnnxGraph | null;
  /** Without the Constant ones, which are tensors. */
  readonly nodes: OnnxNode[] = [];
  readonly #tensors: TensorRecord[] = [];
  readonly #names = new DistinctNames((position) => this.#tensors[position]?.name);
  #named: Map<string, TensorRecord> | null = null;

  constructor(prefix: string, parent: OnnxGraph | null) {
    this.prefix = prefix;
    this.parent = parent;
  }

  /** Initializers and constants in the order of the file. */
  get tensors(): readonly TensorRecord[] {
    return this.#tensors;
  }

  /** Before the first look-up. @returns false when there is one of that name */
  add(tensor: TensorRecord): boolean {
    if (!this.#names.add(tensor.name)) return false;
    this.#tensors.push(tensor);
    return true;
  }

  /** Its own tensor of a name. */
  tensorNamed(name: string): TensorRecord | undefined {
    this.#named ??= new Map(this.#tensors.map((tensor) => [tensor.name, tensor]));
    return this.#named.get(name);
  }
}
