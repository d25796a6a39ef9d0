// Everything measured of a model's activations while it runs on text: looks inside every block, and can stop and go on.

import { QuantscopeError } from '../base/errors.ts';
import type { ObservedBatch, Observer } from '../forward/blocks.ts';
import type { BatchSize, BlockGraph } from '../model/forward/blockGraph.ts';
import { AttentionReceived, attentionOutput } from './attentionReceived.ts';
import { ChannelMoments } from './channelMoments.ts';
import { HiddenExtremes } from './hiddenExtremes.ts';

/** The residual stream after a block, beside the inputs of its linear layers. */
export const HIDDEN = 'hidden';

export interface TapStatistics {
  readonly name: string;
  /** Weights that multiply it, by grid column; none for the residual stream. */
  readonly modules: readonly string[];
  readonly moments: ChannelMoments;
}

export interface LayerStatistics {
  readonly layer: number;
  /** In the order of the graph, the residual stream last. */
  readonly taps: readonly TapStatistics[];
  readonly extremes: HiddenExtremes;
  readonly received: AttentionReceived;
}

/**
 * Raw values are taken out of the graph and summed here in float64: 2 ns a value, less than float32 reductions inside the
 * graph take on the same machine, exact, and right for any number of rows.
 */
export class ActivationStatistics implements Observer {
  readonly #name: string;
  readonly #layers = new Map<number, LayerStatistics>();
  /** Sequences run before those of the current run. */
  #before: number;

  /** @param name the model's, for messages. @param layers what was measured on `sequences` sequences before */
  constructor(name: string, layers: readonly LayerStatistics[] = [], sequences = 0) {
    this.#name = name;
    this.#before = sequences;
    for (const layer of layers) this.#layers.set(layer.layer, layer);
  }

  /** By ascending layer. */
  get layers(): LayerStatistics[] {
    return [...this.#layers.values()].toSorted((a, b) => a.layer - b.layer);
  }

  /** Sequences that all blocks have seen. */
  get sequences(): number {
    return this.#before;
  }

  /** Says that a run over so many sequences has ended: the next one continues behind them. */
  advance(sequences: number): void {
    this.#before += sequences;
  }

  outputs(block: BlockGraph, { tokens }: BatchSize): string[] {
    const taps = block.taps.map(({ name, value, columns }) => {
      block.graph.output(outputOf(name), value, [null, columns]);
      return outputOf(name);
    });
    return [...taps, attentionOutput(block, tokens)];
  }

  /** @throws NON_FINITE naming layer and tap */
  receive(layer: number, found: Readonly<Record<string, Float32Array>>, batch: ObservedBatch): void {
    const hidden = found.out ?? new Float32Array();
    const { tokens, sequences, first } = batch;
    const width = hidden.length / (sequences * tokens);
    const statistics = this.#layers.get(layer) ?? emptyLayer(layer, batch.block, tokens, width);
    this.#layers.set(layer, statistics);
    for (const { name, moments } of statistics.taps) {
      const values = name === HIDDEN ? hidden : (found[outputOf(name)] ?? new Float32Array());
      if (!moments.add(values))
        throw new QuantscopeError(
          'NON_FINITE',
          `${this.#name}: layer ${layer}: ${name} holds values that are not finite`,
        );
    }
    statistics.extremes.add(hidden, width, tokens, this.#before + first);
    statistics.received.add(found);
  }
}

function outputOf(tap: string): string {
  return `tap.${tap}`;
}

function emptyLayer(layer: number, { taps }: BlockGraph, tokens: number, width: number): LayerStatistics {
  return {
    layer,
    taps: [
      ...taps.map(({ name, modules, columns }) => ({ name, modules, moments: new ChannelMoments(columns) })),
      { name: HIDDEN, modules: [], moments: new ChannelMoments(width) },
    ],
    extremes: new HiddenExtremes(),
    received: new AttentionReceived(new Float64Array(tokens)),
  };
}
