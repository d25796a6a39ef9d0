// Big-endian blocks: exactly the bytes of words change places, for every block type.

import { describe, expect, test } from 'vitest';
import { swapBlocks } from '../../../core/decode/swapBlocks.ts';
import { DTYPE_NAMES, type DType, dtypeInfo } from '../../../core/tensor/dtype.ts';
import { HALF_FIELDS, randomBlocks } from '../../fixtures/randomBlocks.ts';

const BLOCK_TYPES = DTYPE_NAMES.filter((dtype) => dtypeInfo(dtype).kind === 'block');

/** What stands at byte `at` before swapping: its position as far as a byte can tell. */
const position = (at: number): number => at % 251;

/** Two blocks whose bytes are their own positions, swapped. */
function swappedPositions(dtype: DType): number[] {
  const { blockBytes } = dtypeInfo(dtype);
  const bytes = Uint8Array.from({ length: 2 * blockBytes }, (_, at) => position(at % blockBytes));
  swapBlocks(dtype, bytes);
  const [first, second] = [bytes.slice(0, blockBytes), bytes.slice(blockBytes)];
  expect(second).toEqual(first);
  return [...first];
}

/** The runs of bytes that moved, as [begin, end) pairs. */
function movedRuns(dtype: DType): [number, number][] {
  const runs: [number, number][] = [];
  swappedPositions(dtype).forEach((from, at) => {
    if (from === position(at)) return;
    const last = runs.at(-1);
    if (last !== undefined && last[1] === at) last[1] = at + 1;
    else runs.push([at, at + 1]);
  });
  return runs;
}

describe('big-endian blocks', () => {
  test.each(BLOCK_TYPES)('%s: its halves are swapped, and swapping twice is nothing', (dtype) => {
    const positions = swappedPositions(dtype);
    for (const at of HALF_FIELDS[dtype] ?? [])
      expect(positions.slice(at, at + 2)).toEqual([position(at + 1), position(at)]);
    const bytes = randomBlocks(dtype, 9, 5);
    const twice = bytes.slice();
    swapBlocks(dtype, twice);
    swapBlocks(dtype, twice);
    expect(twice).toEqual(bytes);
  });

  test.each([
    // As gguf_convert_endian does.
    ['Q4_0', [[0, 2]]],
    ['Q8_0', [[0, 2]]],
    ['Q4_K', [[0, 4]]],
    ['Q6_K', [[208, 210]]],
    ['MXFP4', []],
    // Words ggml's decoders read.
    ['NVFP4', []],
    ['Q5_0', [[0, 6]]],
    ['Q5_1', [[0, 8]]],
    ['Q3_K', [[108, 110]]],
    [
      'Q8_K',
      [
        [0, 4],
        [260, 292],
      ],
    ],
    ['IQ2_XS', [[0, 66]]],
    [
      'IQ3_XXS',
      [
        [0, 2],
        [66, 98],
      ],
    ],
    [
      'IQ1_S',
      [
        [0, 2],
        [34, 50],
      ],
    ],
    ['IQ1_M', [[48, 56]]],
    ['IQ4_XS', [[0, 4]]],
    ['IQ2_S', [[0, 2]]],
  ] as const)('%s moves bytes %j only', (dtype, runs) => {
    expect(movedRuns(dtype)).toEqual(runs);
  });

  test('32-bit words are reversed whole, and grid indices of IQ2_XXS stay bytes', () => {
    expect(swappedPositions('Q5_0').slice(2, 6)).toEqual([5, 4, 3, 2]);
    expect(swappedPositions('IQ2_XXS').slice(0, 18)).toEqual([
      1, 0, 2, 3, 4, 5, 9, 8, 7, 6, 10, 11, 12, 13, 17, 16, 15, 14,
    ]);
  });

  test('anything else stays as it is', () => {
    const bytes = Uint8Array.of(1, 2, 3, 4);
    swapBlocks('F32', bytes);
    expect([...bytes]).toEqual([1, 2, 3, 4]);
  });
});
