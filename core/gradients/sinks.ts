// The weights of one graph that are wanted, each with what takes its gradients in.

import type { Parts } from '../forward/blocks.ts';
import type { Block, WeightLayouts } from '../model/forward/family.ts';
import type { Gradients } from './gradientOutputs.ts';
import type { GradientSink, Weight } from './weight.ts';

export interface SinkOptions<Sink extends GradientSink> {
  /** Called shortly before a weight's gradients come. */
  readonly open: (weight: Weight) => Sink | Promise<Sink>;
  /** Weights wanted; all when left out. */
  readonly wants?: ((weight: Weight) => boolean) | undefined;
}

export interface WeightGradient<Sink> {
  readonly weight: Weight;
  /** Has taken all sequences in. */
  readonly sink: Sink;
}

export class Sinks<Sink extends GradientSink> {
  readonly modules: readonly string[];
  readonly #opened: readonly WeightGradient<Sink>[];

  static async open<Sink extends GradientSink>(
    weights: readonly Weight[],
    { open, wants }: SinkOptions<Sink>,
  ): Promise<Sinks<Sink>> {
    const opened: WeightGradient<Sink>[] = [];
    for (const weight of weights) if (wants?.(weight) !== false) opened.push({ weight, sink: await open(weight) });
    return new Sinks(opened);
  }

  private constructor(opened: readonly WeightGradient<Sink>[]) {
    this.#opened = opened;
    this.modules = opened.map(({ weight }) => weight.module);
  }

  /** @param gradients by module. @param sequence the first of those they are of */
  add(gradients: Gradients, sequence: number): void {
    for (const { weight, sink } of this.#opened) {
      const gradient = gradients[weight.module];
      if (gradient !== undefined) sink.add(gradient, sequence);
    }
  }

  filled(): readonly WeightGradient<Sink>[] {
    return this.#opened;
  }
}

/** Weights of a graph that the model has. @param layer null for those outside the layers */
export function weightsOf({ weights }: Parts, layer: number | null, layouts: WeightLayouts): Weight[] {
  return [...layouts].flatMap(([module, { dimensions }]) => {
    const place = weights.place(layer, module);
    return place === null ? [] : [{ layer, module, dimensions, place }];
  });
}

/** Weights wanted in any layer of a kind: they share a graph. */
export function modulesOfKind<Sink extends GradientSink>(
  parts: Parts,
  block: Block,
  { wants = () => true }: SinkOptions<Sink>,
): string[] {
  const { network } = parts;
  const layers = Array.from({ length: network.layers }, (_, layer) => layer).filter(
    (layer) => network.block(layer) === block,
  );
  const wanted = layers.flatMap((layer) => weightsOf(parts, layer, block.weights).filter(wants));
  return [...new Set(wanted.map(({ module }) => module))];
}
