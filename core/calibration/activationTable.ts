// Activation statistics as people read them: a row per tap, massive activations, attention sinks, expert hits.

import type { Network } from '../model/forward/family.ts';
import type { ActivationRow, Activations } from '../protocol/calibration.ts';
import type { ActivationStatistics, LayerStatistics, TapStatistics } from './activationStatistics.ts';
import { visibleFrom } from './attentionReceived.ts';
import { hitsOf } from './expertRows.ts';

/**
 * A value this many times an ordinary one leaves ordinary ones nothing of an 8-bit grid scaled to it: its step is 1/127
 * of the largest value, and half a step rounds to zero. Sun et al. 2024 (arXiv 2402.17762) find factors of 1,000 and more.
 */
const MASSIVE_RATIO = 254;
/** Mean share of attention that makes a position a sink; evenly spread attention gives one in the number of tokens. */
const SINK_SHARE = 0.1;
/** Positions that few tokens see get large shares by chance: at least this part of all tokens is asked for. */
const SINK_VISIBLE = 0.25;

/** Text of tokens in the sequences that were run. */
export type TokenText = (sequence: number, position: number) => string;

/** @param sequences how many, for tokens that are the same in all of them */
export function activationTable(
  statistics: ActivationStatistics,
  network: Network,
  sequences: number,
  tokenText: TokenText,
): Omit<Activations, 'provenance'> {
  const { layers } = statistics;
  return {
    taps: tapsOf(layers),
    rows: layers.flatMap(({ layer, taps }) => taps.map((tap) => rowOf(layer, tap))),
    massive: layers.flatMap((layer) => massiveOf(layer, tokenText)),
    sinks: layers.flatMap((layer) => sinksOf(layer, network, sequences, tokenText)),
    expertHits: layers.flatMap(({ layer, experts }) =>
      experts.length === 0 ? [] : [{ layer, hits: hitsOf(experts) }],
    ),
  };
}

/** Every tap once, with the modules of all layers that have it. */
function tapsOf(layers: readonly LayerStatistics[]): Activations['taps'] {
  const found = new Map<string, { modules: Set<string>; columns: number }>();
  for (const { name, modules, moments } of layers.flatMap(({ taps }) => taps)) {
    const tap = found.get(name) ?? { modules: new Set(), columns: 0 };
    for (const module of modules) tap.modules.add(module);
    found.set(name, { ...tap, columns: Math.max(tap.columns, moments.columns) });
  }
  return [...found].map(([tap, { modules, columns }]) => ({ tap, modules: [...modules], columns }));
}

function rowOf(layer: number, { name, moments }: TapStatistics): ActivationRow {
  return { layer, tap: name, columns: moments.columns, rows: moments.rows, ...moments.whole() };
}

function massiveOf({ layer, extremes }: LayerStatistics, tokenText: TokenText): Activations['massive'] {
  const median = extremes.median();
  return extremes.largest
    .map((extreme) => ({ layer, ...extreme, ratio: Math.abs(extreme.value) / median }))
    .filter(({ ratio }) => ratio >= MASSIVE_RATIO)
    .map((found) => ({ ...found, token: tokenText(found.sequence, found.position) }));
}

function sinksOf(
  { layer, received }: LayerStatistics,
  network: Network,
  sequences: number,
  tokenText: TokenText,
): Activations['sinks'] {
  const tokens = received.sums.length;
  const visible = visibleFrom(network.block(layer), tokens);
  return [...received.shares(visible)]
    .map((share, position) => ({ layer, position, share }))
    .filter(({ share, position }) => share >= SINK_SHARE && (visible[position] ?? 0) >= SINK_VISIBLE * tokens)
    .toSorted((a, b) => b.share - a.share)
    .map((sink) => ({ ...sink, token: sharedToken(sequences, sink.position, tokenText) }));
}

/** The token at a position where all sequences have the same one, as after a begin token; else empty. */
function sharedToken(sequences: number, position: number, tokenText: TokenText): string {
  const first = tokenText(0, position);
  for (let sequence = 1; sequence < sequences; sequence++) if (tokenText(sequence, position) !== first) return '';
  return first;
}
