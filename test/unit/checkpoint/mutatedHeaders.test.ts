// Property: whatever happens to a valid file's bytes, it opens or is refused with a code; nothing else, and quickly.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isQuantscopeError } from '../../../core/base/errors.ts';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { ggufBytes } from '../../fixtures/writeGguf.ts';
import { safetensorsBytes } from '../../fixtures/writeSafetensors.ts';

const folder = temporaryFolder();
const RUNS = 1500;
const MAX_MS = 1000;

const tensors = [
  { name: 'model.layers.0.mlp.up_proj.weight', dtype: 'F32', shape: [4, 8], data: new Float32Array(32) },
  { name: 'model.layers.1.mlp.up_proj.weight', dtype: 'BF16', shape: [4, 8], data: new Uint16Array(32) },
  { name: 'norm', dtype: 'F16', shape: [8], data: new Uint16Array(8) },
];
const SEEDS = {
  safetensors: safetensorsBytes(tensors, { format: 'pt', note: 'ü\u0001' }),
  gguf: ggufBytes(tensors, {
    'general.architecture': 'llama',
    'general.alignment': 32,
    'tokenizer.ggml.tokens': ['a', 'b', 'ü'],
    'tokenizer.ggml.scores': [0.5, 1.5],
    'x.big': 2n ** 40n,
    'split.count': { type: 'u16', value: 0 },
  }),
} as const;

/** Values that sit on the edges of the checks. */
const EDGES = [0, 1, 0x22, 0x2c, 0x30, 0x39, 0x5b, 0x5d, 0x7b, 0x7d, 0x7f, 0x80, 0xff];

type Mutation =
  | { kind: 'set'; at: number; byte: number }
  | { kind: 'word'; at: number; word: bigint }
  | { kind: 'cut'; at: number }
  | { kind: 'remove'; at: number; count: number }
  | { kind: 'repeat'; at: number; count: number };

function mutation(length: number): fc.Arbitrary<Mutation> {
  const at = fc.nat(length - 1);
  const count = fc.integer({ min: 1, max: 40 });
  const word = fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.nat(200).map(BigInt));
  return fc.oneof(
    fc.record({ kind: fc.constant('set' as const), at, byte: fc.oneof(fc.constantFrom(...EDGES), fc.nat(255)) }),
    fc.record({ kind: fc.constant('word' as const), at, word }),
    fc.record({ kind: fc.constant('cut' as const), at }),
    fc.record({ kind: fc.constant('remove' as const), at, count }),
    fc.record({ kind: fc.constant('repeat' as const), at, count }),
  );
}

function apply(bytes: Buffer, change: Mutation): Buffer {
  const { at } = change;
  if (at >= bytes.length) return bytes;
  switch (change.kind) {
    case 'set':
      bytes[at] = change.byte;
      return bytes;
    case 'word':
      if (at + 8 <= bytes.length) bytes.writeBigUInt64LE(change.word, at);
      return bytes;
    case 'cut':
      return bytes.subarray(0, at);
    case 'remove':
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + change.count)]);
    case 'repeat':
      return Buffer.concat([bytes.subarray(0, at + change.count), bytes.subarray(at)]);
  }
}

describe.each(['safetensors', 'gguf'] as const)('%s', (format) => {
  test('opens, or throws a QuantscopeError', async () => {
    const path = join(folder, `mutated.${format}`);
    const seed = SEEDS[format];
    let opened = 0;
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(mutation(seed.length), { minLength: 1, maxLength: 4 }), async (mutations) => {
        writeFileSync(path, mutations.reduce(apply, Buffer.from(seed)));
        const start = performance.now();
        try {
          const { tensors: found, metadata, files } = await openCheckpoint(path);
          opened++;
          // What opens is whole: every tensor lies inside its file, and metadata can be decoded.
          for (const tensor of found) {
            expect(tensor.offset + tensor.bytes).toBeLessThanOrEqual(files[tensor.file]?.sizeBytes ?? -1);
          }
          expect(Object.entries(metadata).length).toBeGreaterThanOrEqual(0);
        } catch (error) {
          if (!isQuantscopeError(error)) throw error;
          expect(error.code).not.toBe('INTERNAL');
          refused++;
        }
        expect(performance.now() - start).toBeLessThan(MAX_MS);
      }),
      { numRuns: RUNS, seed: 20_260 },
    );
    // Both outcomes really occur.
    expect(opened).toBeGreaterThan(RUNS / 50);
    expect(refused).toBeGreaterThan(RUNS / 4);
  });
});
