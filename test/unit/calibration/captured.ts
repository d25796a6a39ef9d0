// The sample model run on some tokens with everything it computes handed out, to check statistics against plain loops.

import { fileURLToPath } from 'node:url';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { type ObservedBatch, type Observer, runBlocks } from '../../../core/forward/blocks.ts';
import { Decoder } from '../../../core/forward/decoder.ts';
import { embedTokens } from '../../../core/forward/embed.ts';
import type { Pool } from '../../../core/kernels/pool.ts';

export const SAMPLE = fileURLToPath(new URL('../../fixtures/sample-llama', import.meta.url));

export const openSample = async (pool: Pool): Promise<Decoder> => Decoder.open(await openCheckpoint(SAMPLE), pool);

/** 6 sequences of 200 tokens: a full batch of five and another of one. */
export const SEQUENCES = Array.from({ length: 6 }, (_, s) =>
  Uint32Array.from({ length: 200 }, (_, i) => (i * 137 + s * 311 + 5) % 1000),
);

export async function observe(decoder: Decoder, sequences: readonly Uint32Array[], observer: Observer): Promise<void> {
  const hidden = await embedTokens(decoder.parts, sequences, undefined);
  await runBlocks(decoder.parts, [hidden], { layers: [0, decoder.network.layers], signal: undefined, observer });
}

/** Rows of every tap (and `hidden`, `attention`) by layer, in the order of the tokens. */
export type Captured = Map<number, Map<string, number[]>>;

export async function capture(decoder: Decoder, sequences: readonly Uint32Array[]): Promise<Captured> {
  const captured: Captured = new Map();
  await observe(decoder, sequences, {
    outputs({ graph, taps, attention }) {
      for (const { name, value, columns } of taps) graph.output(`raw ${name}`, value, [null, columns]);
      graph.output('raw attention', attention, [null, null, null, null, null]);
      return [...taps.map(({ name }) => `raw ${name}`), 'raw attention'];
    },
    receive(layer: number, found: Readonly<Record<string, Float32Array>>, _batch: ObservedBatch) {
      const own = captured.get(layer) ?? new Map<string, number[]>();
      captured.set(layer, own);
      for (const [output, values] of Object.entries(found)) {
        const name = output === 'out' ? 'hidden' : output.slice('raw '.length);
        const all = own.get(name) ?? [];
        for (const value of values) all.push(value);
        own.set(name, all);
      }
    },
  });
  return captured;
}
