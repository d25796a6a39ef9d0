// Codes chosen inside GGUF blocks: where they lie, what they decode to, and that GPTQ's choice is worth it.

import { describe, expect, test } from 'vitest';
import { decodeToF32, REFERENCE_DECODERS } from '../../../core/kernels/decode.ts';
import { encodeFromF32 } from '../../../core/kernels/encode.ts';
import { loadKernels } from '../../../core/kernels/wasm.ts';
import { GGUF_TARGETS } from '../../../core/quant/ggufTypes.ts';
import { feedbackOf } from '../../../core/quant/gptq/feedback.ts';
import { type Levels, roundRows } from '../../../core/quant/gptq/gptq.ts';
import { outputError } from '../../../core/quant/gptq/outputError.ts';
import { BlockLevels } from '../../../core/quant/rounding/blockLevels.ts';
import { codePattern } from '../../../core/quant/rounding/codePattern.ts';
import { dtypeInfo, storedBytes } from '../../../core/tensor/dtype.ts';
import { gaussians, uniforms } from '../../fixtures/quantizerInputs.ts';
import { randomBlocks } from '../../fixtures/randomBlocks.ts';

const kernels = await loadKernels();
const { arena } = kernels;
const TYPES = GGUF_TARGETS.filter((type) => dtypeInfo(type).kind === 'block');
const [ROWS, COLUMNS] = [6, 512];

const hessian = correlatedHessian();
const feedback = feedbackOf(hessian, COLUMNS, { actOrder: false, damping: 0.01 });
const identity = Float64Array.from(hessian, (_, k) => (k % (COLUMNS + 1) === 0 ? 1 : 0));
const weights = Float32Array.from({ length: COLUMNS }, (_, i) => (hessian[i * (COLUMNS + 1)] ?? 0) / COLUMNS);

/** XᵀX of inputs that share eight common parts. */
function correlatedHessian(): Float64Array {
  const next = gaussians(11);
  const sums = new Float64Array(COLUMNS ** 2);
  for (let token = 0; token < COLUMNS / 4; token++) {
    const common = Array.from({ length: 8 }, () => next());
    const x = Float64Array.from({ length: COLUMNS }, (_, i) => 0.3 * next() + (common[i % 8] ?? 0));
    for (let k = 0; k < sums.length; k++)
      sums[k] = (sums[k] ?? 0) + (x[Math.floor(k / COLUMNS)] ?? 0) * (x[k % COLUMNS] ?? 0);
  }
  return sums;
}

type Type = (typeof TYPES)[number];

function patternOf(type: Type) {
  const pattern = codePattern(type);
  if (pattern === null) throw new Error(`${type} has no codes`);
  return pattern;
}

function decoded(type: Type, bytes: Uint8Array, elements: number): Float32Array {
  return arena.scoped(() => {
    const [from, to] = [arena.alloc(bytes.length + 64), arena.alloc(4 * elements + 64)];
    arena.u8(from, bytes.length).set(bytes);
    decodeToF32(kernels, type, from, to, elements);
    return arena.f32(to, elements).slice();
  });
}

function encoded(type: Type, values: Float32Array, weights: Float32Array): Uint8Array {
  return arena.scoped(() => {
    const [from, to, by] = [arena.alloc(4 * values.length), arena.alloc(4 * values.length), arena.alloc(4 * COLUMNS)];
    arena.f32(from, values.length).set(values);
    arena.f32(by, COLUMNS).set(weights);
    encodeFromF32(kernels, type, from, to, values.length / COLUMNS, COLUMNS, by);
    return arena.u8(to, storedBytes(type, values.length)).slice();
  });
}

test('types that have codes are the block types', () => {
  expect(GGUF_TARGETS.filter((type) => codePattern(type) !== null)).toEqual(TYPES);
});

describe.each(TYPES)('%s', (type) => {
  const { blockElements, blockBytes } = dtypeInfo(type);

  test('a code changes its own element only, to a level of the block', () => {
    const pattern = patternOf(type);
    const next = uniforms(3);
    const block = randomBlocks(type, 1, 5);
    const spread = new Uint8Array(pattern.codes * blockBytes);
    pattern.spread(block, spread);
    const levels = decoded(type, spread, pattern.codes * blockElements);
    const codes = Array.from({ length: blockElements }, () => Math.floor(next() * pattern.codes));
    const chosen = block.slice();
    for (const [i, code] of codes.entries()) pattern.set(chosen, 0, i, code);
    const expected = codes.map((code, i) => levels[code * blockElements + i]);
    expect(Array.from(decoded(type, chosen, blockElements))).toEqual(expected);
    // The reference decoder shares nothing with the pattern: scales were left alone, and what stood there is a level.
    const reference = new Float32Array(blockElements);
    REFERENCE_DECODERS[type]?.(block, reference);
    for (const [i, value] of reference.entries()) {
      const own = Array.from({ length: pattern.codes }, (_, code) => levels[code * blockElements + i]);
      const beyond = type === 'Q8_0' && block[2 + i] === 0x80; // −128, which is never chosen
      if (!beyond) expect(own, `element ${i}`).toContain(value);
    }
  });

  test('levels rise or fall with the code', () => {
    const pattern = patternOf(type);
    for (let seed = 0; seed < 8; seed++) {
      const spread = new Uint8Array(pattern.codes * blockBytes);
      pattern.spread(randomBlocks(type, 1, seed), spread);
      const levels = decoded(type, spread, pattern.codes * blockElements);
      for (let i = 0; i < blockElements; i++) {
        const own = Array.from({ length: pattern.codes }, (_, code) => levels[code * blockElements + i] ?? Number.NaN);
        const sorted = own.toSorted((a, b) => a - b);
        expect([sorted, sorted.toReversed()]).toContainEqual(own);
      }
    }
  });

  const next = gaussians(7);
  const values = Float32Array.from({ length: ROWS * COLUMNS }, () => 0.05 * next());
  const matrix = { values, rows: ROWS, columns: COLUMNS };
  const ones = new Float32Array(COLUMNS).fill(1);

  test('without correlations every weight goes to the nearest level of the scales its quantizer chose', () => {
    const bytes = arena.scoped(() => {
      const levels = new BlockLevels(kernels, { type, rows: ROWS, columns: COLUMNS }, ones);
      roundRows(matrix, { order: feedback.order, factor: identity }, levels, () => {});
      return levels.bytes;
    });
    const own = decoded(type, bytes, values.length);
    const pattern = patternOf(type);
    for (let block = 0; block < (ROWS * COLUMNS) / blockElements; block++) {
      const spread = new Uint8Array(pattern.codes * blockBytes);
      pattern.spread(bytes.subarray(block * blockBytes, (block + 1) * blockBytes), spread);
      const levels = decoded(type, spread, pattern.codes * blockElements);
      for (let i = 0; i < blockElements; i++) {
        const w = values[block * blockElements + i] ?? Number.NaN;
        const away = (level: number | undefined): number => Math.abs(w - (level ?? Number.NaN));
        const least = Math.min(...Array.from({ length: pattern.codes }, (_, c) => away(levels[c * blockElements + i])));
        expect(away(own[block * blockElements + i])).toBe(least);
      }
    }
  });

  test('with correlations the output loses less than by the type’s own quantizer', () => {
    const kept = new Float32Array(values.length);
    const bytes = arena.scoped(() => {
      const levels = new BlockLevels(kernels, { type, rows: ROWS, columns: COLUMNS }, weights);
      const recorded: Levels = {
        reach: (row, place, w) => levels.reach(row, place, w),
        round: (row, column, w) => {
          const level = levels.round(row, column, w);
          kept[row * COLUMNS + column] = level;
          return level;
        },
      };
      roundRows(matrix, feedback, recorded, () => {});
      return levels.bytes;
    });
    // What GPTQ reckoned with is what a reader finds.
    expect(decoded(type, bytes, values.length)).toEqual(kept);
    const plain = decoded(type, encoded(type, values, weights), values.length);
    expect(outputError(matrix, kept, hessian)).toBeLessThan(0.5 * outputError(matrix, plain, hessian));
  });
});

test('types without codes are refused', () => {
  expect(() => new BlockLevels(kernels, { type: 'F16', rows: 1, columns: 32 }, new Float32Array(32))).toThrow(
    /F16 has no codes/,
  );
});
