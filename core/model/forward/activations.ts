// Activation functions of feed-forward layers by the names configurations give them.

import { shown } from '../../base/jsonObject.ts';
import type { GraphBuilder, Value } from '../graph/graphBuilder.ts';
import type { Settings } from './settings.ts';

export type Activation = (graph: GraphBuilder, x: Value) => Value;

/** x · σ(x) (Elfwing et al. 2017, arXiv 1702.03118). */
export const silu: Activation = (graph, x) => graph.op('Mul', [x, graph.op('Sigmoid', [x])]);

/** x · Φ(x) (Hendrycks & Gimpel 2016, arXiv 1606.08415). */
export const gelu: Activation = (graph, x) => {
  const erf = graph.op('Erf', [graph.op('Mul', [x, graph.scalar(Math.SQRT1_2)])]);
  return half(graph, x, erf);
};

/** 0.5 · x · (1 + tanh(√(2/π) · (x + 0.044715 · x³))): the same paper's approximation. */
export const geluTanh: Activation = (graph, x) => {
  const cube = graph.op('Mul', [graph.op('Mul', [x, x]), x]);
  const inner = graph.op('Add', [x, graph.op('Mul', [cube, graph.scalar(0.044715)])]);
  return half(graph, x, graph.op('Tanh', [graph.op('Mul', [inner, graph.scalar(Math.sqrt(2 / Math.PI))])]));
};

export const relu: Activation = (graph, x) => graph.op('Relu', [x]);

/** cap · tanh(x / cap): nearly x where small, never beyond the cap (Gemma 2, arXiv 2408.00118, section 2). */
export function softcapped(graph: GraphBuilder, x: Value, cap: number): Value {
  const bent = graph.op('Tanh', [graph.op('Mul', [x, graph.scalar(1 / cap)])]);
  return graph.op('Mul', [bent, graph.scalar(cap)]);
}

/** 0.5 · x · (1 + y) */
function half(graph: GraphBuilder, x: Value, y: Value): Value {
  const one = graph.op('Add', [y, graph.scalar(1)]);
  return graph.op('Mul', [graph.op('Mul', [x, graph.scalar(0.5)]), one]);
}

/** transformers `ACT2FN`. */
const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  silu,
  swish: silu,
  gelu,
  gelu_new: geluTanh,
  gelu_fast: geluTanh,
  gelu_pytorch_tanh: geluTanh,
  relu,
};

/** The activation config.json names under `key`; GGUF names none, llama.cpp's graphs have the usual one. */
export function activationOf(settings: Settings, key: string, usual: Activation): Activation {
  const name = settings.fromGguf ? null : settings.text(key, '');
  if (name === null) return usual;
  const found = Object.hasOwn(ACTIVATIONS, name) ? ACTIVATIONS[name] : undefined;
  return (
    found ??
    settings.unsupported(`the activation ${shown(name)} cannot be run; ${Object.keys(ACTIVATIONS).join(', ')} can`)
  );
}
