// Property: whatever happens to a valid file's bytes, it opens or is refused with a code; nothing else, and quickly.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isQuantscopeError } from '../../../core/base/errors.ts';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { SUBJECTS } from '../../fuzz/seeds.ts';

const folder = temporaryFolder();
/** The two formats most models come in are looked at longest. */
const RUNS: Readonly<Record<string, number>> = { safetensors: 1500, gguf: 1500 };
const OTHER_RUNS = 300;
const MAX_MS = 1000;

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

const readers = SUBJECTS.map((subject) => ({ name: subject.name, runs: RUNS[subject.name] ?? OTHER_RUNS, subject }));

describe.each(readers)('$name', ({ name, runs, subject }) => {
  test('opens, or throws a QuantscopeError', async () => {
    const seeds = subject.valid();
    const own = join(folder, name);
    mkdirSync(own);
    let opened = 0;
    let refused = 0;
    const change = fc.nat(seeds.length - 1).chain((at) => {
      const files = Object.entries(seeds[at]?.files ?? {});
      return fc.nat(files.length - 1).chain((file) => {
        const length = Math.max(1, files[file]?.[1].length ?? 1);
        const mutations = fc.array(mutation(length), { minLength: 1, maxLength: 4 });
        return fc.record({ at: fc.constant(at), file: fc.constant(file), mutations });
      });
    });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(change, async ({ at, file, mutations }) => {
        const seed = seeds[at];
        if (seed === undefined) return;
        // A folder for each seed: files of others must not be taken for shards or companions.
        const place = join(own, String(run++));
        for (const [index, [path, bytes]] of Object.entries(seed.files).entries()) {
          mkdirSync(join(place, path, '..'), { recursive: true });
          writeFileSync(join(place, path), index === file ? mutations.reduce(apply, Buffer.from(bytes)) : bytes);
        }
        const start = performance.now();
        try {
          const { tensors, metadata, files } = await openCheckpoint(join(place, seed.open));
          opened++;
          // What opens is whole: plain tensors lie inside their file, and metadata can be decoded.
          for (const tensor of tensors) {
            if (tensor.storage !== undefined) continue;
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
      { numRuns: runs, seed: 20_260 },
    );
    // Both outcomes really occur; what lies beside the weights never stops a model from opening.
    expect(opened).toBeGreaterThan(runs / 50);
    if (name !== 'companions') expect(refused).toBeGreaterThan(runs / 20);
  });
});
