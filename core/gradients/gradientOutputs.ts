// Outputs of a graph that are gradients.

import type { Built } from '../forward/sessions.ts';
import type { WeightLayouts } from '../model/forward/family.ts';
import { appendGradients, type Differentiated } from '../model/graph/gradients/appendGradients.ts';
import type { GraphBuilder, Value } from '../model/graph/graphBuilder.ts';

export interface Variable {
  readonly name: string;
  readonly value: Value;
  readonly dimensions: readonly number[];
}

export interface GradientSession extends Built {
  /** Names of the outputs that are gradients. */
  readonly outputs: readonly string[];
}

/** By module, or by name of an output. */
export type Gradients = Readonly<Record<string, Float32Array>>;

export function gradientOf(name: string): string {
  return `gradient.${name}`;
}

/** Adds an output for the gradient of every variable. @returns the outputs' names. @throws INTERNAL as `appendGradients` */
export function addGradientOutputs(graph: GraphBuilder, of: Differentiated, variables: readonly Variable[]): string[] {
  const gradients = appendGradients(
    graph,
    of,
    variables.map(({ value }) => value),
  );
  return variables.flatMap(({ name, value, dimensions }) => {
    const gradient = gradients.get(value);
    if (gradient === undefined) return [];
    graph.output(gradientOf(name), gradient, dimensions);
    return [gradientOf(name)];
  });
}

/** Weights of a graph as variables. */
export function weightVariables(
  modules: readonly string[],
  weights: ReadonlyMap<string, Value>,
  layouts: WeightLayouts,
): Variable[] {
  return modules.flatMap((name) => {
    const [value, dimensions] = [weights.get(name), layouts.get(name)?.dimensions];
    return value === undefined || dimensions === undefined ? [] : [{ name, value, dimensions }];
  });
}

/** What a run gave, by module. */
export function byModule(modules: readonly string[], found: Gradients): Gradients {
  return Object.fromEntries(modules.map((module) => [module, found[gradientOf(module)] ?? new Float32Array()]));
}
