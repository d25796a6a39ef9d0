// Which node uses a value first, seen through nodes that only change its form.

import type { OnnxGraph, OnnxNode } from './graph.ts';
import type { TensorUse } from './placeName.ts';

/** Between a stored weight and the operator it is for. */
const FORM_ONLY = new Set(['Cast', 'DequantizeLinear', 'Identity', 'Reshape', 'Squeeze', 'Transpose', 'Unsqueeze']);
const MAX_HOPS = 4;

/** The edges of all graphs of a model; inner graphs use the values of the outer ones. */
export class ValueUses {
  readonly #first = new Map<OnnxGraph, Map<string, TensorUse>>();
  readonly #producers = new Map<OnnxGraph, Map<string, OnnxNode>>();

  /** @param graphs parents before children */
  constructor(graphs: readonly OnnxGraph[]) {
    for (const graph of graphs) {
      this.#first.set(graph, new Map());
      const producers = new Map<string, OnnxNode>();
      this.#producers.set(graph, producers);
      for (const node of graph.nodes) {
        for (const output of node.outputs) producers.set(output, node);
        node.inputs.forEach((name, input) => {
          const owner = this.#ownerOf(graph, name);
          if (owner !== undefined && !owner.has(name)) owner.set(name, { node, input });
        });
      }
    }
  }

  /** The first node that does something with the value, or the last that changes its form. */
  of(graph: OnnxGraph, value: string): TensorUse | undefined {
    const uses = this.#first.get(graph);
    let use = uses?.get(value);
    for (let hop = 0; hop < MAX_HOPS && use !== undefined && FORM_ONLY.has(use.node.opType); hop++) {
      const next = uses?.get(use.node.outputs[0] ?? '');
      if (next === undefined) break;
      use = next;
    }
    return use;
  }

  /** The first node that takes the value. */
  takerOf(graph: OnnxGraph, value: string): OnnxNode | undefined {
    return this.#first.get(graph)?.get(value)?.node;
  }

  changesFormOnly({ opType }: OnnxNode): boolean {
    return FORM_ONLY.has(opType);
  }

  producerOf(graph: OnnxGraph, value: string): OnnxNode | undefined {
    return this.#producers.get(graph)?.get(value);
  }

  /** The scope that a name belongs to: the innermost that defines it, else the graph that mentions it. */
  #ownerOf(graph: OnnxGraph, name: string): Map<string, TensorUse> | undefined {
    if (name === '') return undefined;
    for (let scope: OnnxGraph | null = graph; scope !== null; scope = scope.parent) {
      if (scope.tensorNamed(name) !== undefined || this.#producers.get(scope)?.has(name)) return this.#first.get(scope);
    }
    return this.#first.get(graph);
  }
}
