// Every malformed checkpoint gives its one clear error, quickly and without eating memory.

import { basename } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type ErrorCode, QuantscopeError } from '../../core/base/errors.ts';
import { openCheckpoint } from '../../core/checkpoint/open.ts';
import { sharedData } from '../fixtures/sharedData.ts';
import { temporaryFolder } from '../fixtures/temporaryFolder.ts';
import { writeAttacks } from './attack.ts';
import { ATTACKS } from './generate.ts';

const MAX_MS = 2000;
/** Attacks claim up to 2^64 bytes while their files have a few hundred: nothing may be allocated on their word. */
const MAX_GROWTH_BYTES = 64 * 1024 * 1024;

async function refusal(path: string): Promise<QuantscopeError> {
  const error: unknown = await openCheckpoint(path).then(
    (checkpoint) => new Error(`opened with ${checkpoint.tensors.length} tensors`),
    (reason: unknown) => reason,
  );
  if (error instanceof QuantscopeError) return error;
  throw new Error('expected a QuantscopeError', { cause: error });
}

describe('malformed checkpoints', () => {
  const written = writeAttacks(ATTACKS, temporaryFolder());

  test('cases have distinct names', () => {
    expect(new Set(ATTACKS.map((attack) => attack.name)).size).toBe(ATTACKS.length);
  });

  test.each(written)('$attack.name → $attack.code', async ({ attack, path }) => {
    const before = process.memoryUsage();
    const start = performance.now();
    const error = await refusal(path);
    const after = process.memoryUsage();
    expect(error.code).toBe(attack.code);
    // The sentence names a file and is fit for a screen.
    expect(error.message).toMatch(/^[^\n]{10,1500}$/u);
    expect(performance.now() - start).toBeLessThan(MAX_MS);
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(MAX_GROWTH_BYTES);
    expect(after.heapUsed - before.heapUsed).toBeLessThan(MAX_GROWTH_BYTES);
  });
});

describe('malformed files of other projects', () => {
  const cases: readonly (readonly [string, ErrorCode])[] = [
    ['abuse/gguf-weight-inspect/tests/fixtures/tiny.gguf', 'TENSOR_OVERRUN'],
    ['abuse/gguf-weight-inspect/tests/fixtures/tiny.safetensors', 'TENSOR_GAP'],
    ['abuse/safetensors-cpp-abuse/test/safetensors_abuse_attempt_1.safetensors', 'HEADER_TRUNCATED'],
    ['abuse/lfs-pointers/tests/models/Llama-68M-Chat-v1-Q2_K.gguf', 'LFS_POINTER'],
    ['abuse/lfs-pointers/tests/models/distilgpt2.Q2_K.gguf', 'LFS_POINTER'],
    ['abuse/lfs-pointers/tests/models/rwkv7-0.1B-g1-F16.gguf', 'LFS_POINTER'],
    ['abuse/lfs-pointers/tmp/test_models/model_path_integration_case_a.gguf', 'LFS_POINTER'],
    ['models/gpt-oss-20b-index', 'SHARD_MISSING'],
    ['models/gpt-oss-20b-index/model-00000-of-00002.safetensors', 'LFS_POINTER'],
  ];
  test.for(cases)('%s → %s', async ([relative, code], { skip }) => {
    const path = sharedData(relative);
    if (path === null) return skip('the data is not on this machine');
    const error = await refusal(path);
    expect(error.code).toBe(code);
    if (code !== 'SHARD_MISSING') expect(error.message).toContain(basename(path));
  });

  test('a GGUF without tensors opens', async ({ skip }) => {
    const path = sharedData('abuse/gguf-weight-inspect/tests/fixtures/empty.gguf');
    if (path === null) return skip('the data is not on this machine');
    const checkpoint = await openCheckpoint(path);
    expect(checkpoint.tensors).toEqual([]);
    expect(checkpoint.model.architecture).toBe('llama');
  });
});
