// Everything measured of a model's activations while it runs on text: looks inside every block, and can stop and go on.

import { QuantscopeError } from '../base/errors.ts';
import type { ObservedBatch, Observer } from '../forward/blocks.ts';
import type { ModuleSum } from '../forward/squareSums.ts';
import type { BatchSize, BlockGraph, Tap } from '../model/forward/blockGraph.ts';
import { AttentionReceived, attentionOutput } from './attentionReceived.ts';
import { ChannelMoments } from './channelMoments.ts';
import { type ExpertRows, emptyExpert, expertOf } from './expertRows.ts';
import { HiddenExtremes } from './hiddenExtremes.ts';

/** The residual stream after a block, beside the inputs of its linear layers. */
export const HIDDEN = 'hidden';

export interface TapStatistics {
  /** Inputs of experts without their number: all rows of all experts together. */
  readonly name: string;
  /** Weights that multiply it, by grid column; none for the residual stream. */
  readonly modules: readonly string[];
  readonly moments: ChannelMoments;
}

export interface LayerStatistics {
  readonly layer: number;
  /** In the order of the graph, the residual stream last. */
  readonly taps: readonly TapStatistics[];
  /** Inputs of single experts; none in dense layers. */
  readonly experts: readonly ExpertRows[];
  readonly extremes: HiddenExtremes;
  readonly received: AttentionReceived;
}

/**
 * Raw values are taken out of the graph and summed here in float64: exact, right for any number of rows, and about as fast
 * as float32 reductions inside the graph (docs/adr/0010).
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
    const refuse = (tap: string): never => {
      throw new QuantscopeError('NON_FINITE', `${this.#name}: layer ${layer}: ${tap} holds values that are not finite`);
    };
    for (const { name } of batch.block.taps) {
      const values = found[outputOf(name)] ?? new Float32Array();
      const expert = statistics.experts.find((own) => own.tap === name);
      expert?.add(values);
      // What experts take from a tap of all tokens is counted there already.
      if (expert?.counted === true) continue;
      const moments = statistics.taps.find((tap) => tap.name === (expert?.all ?? name))?.moments;
      if (moments?.add(values) !== true) refuse(name);
    }
    if (statistics.taps.at(-1)?.moments.add(hidden) !== true) refuse(HIDDEN);
    statistics.extremes.add(hidden, width, tokens, this.#before + first);
    statistics.received.add(found);
  }

  /** Σx² of every weight's input columns: an importance matrix before it is divided by rows. */
  squares(): ModuleSum[] {
    return this.layers.flatMap(({ layer, taps, experts }) => [
      ...taps.flatMap(({ modules, moments }) =>
        modules.map((module) => ({ layer, module, sum: moments.squares(), rows: moments.rows })),
      ),
      ...experts.flatMap(({ modules, squares, rows }) =>
        modules.map((module) => ({ layer, module, sum: squares, rows })),
      ),
    ]);
  }
}

function outputOf(tap: string): string {
  return `tap.${tap}`;
}

function emptyLayer(layer: number, { taps }: BlockGraph, tokens: number, width: number): LayerStatistics {
  const found = new Map<string, TapStatistics>();
  const open = ({ columns }: Tap, name: string, modules: readonly string[]): void => {
    if (!found.has(name)) found.set(name, { name, modules, moments: new ChannelMoments(columns) });
  };
  for (const tap of taps) if (tap.reached === undefined) open(tap, tap.name, tap.modules);
  const always = new Set(found.keys());
  const routed = taps.filter((tap) => tap.reached !== undefined);
  // Modules of single experts, not of all together: their weights differ.
  for (const tap of routed) open(tap, expertOf(tap.name).all, []);
  return {
    layer,
    taps: [...found.values(), { name: HIDDEN, modules: [], moments: new ChannelMoments(width) }],
    experts: routed.map((tap) => emptyExpert(tap, always.has(expertOf(tap.name).all))),
    extremes: new HiddenExtremes(),
    received: new AttentionReceived(new Float64Array(tokens)),
  };
}
