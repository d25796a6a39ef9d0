// Moments of rows and columns on the adapter against float64, within the bound gpuMoments states.

import { describe, expect, it } from 'vitest';
import { gpuMoments } from '../../core/kernels/gpu/moments.ts';
import { channelMoments } from '../../core/kernels/reference/statistics.ts';
import { mixedMagnitudes, quantizerInput } from '../fixtures/quantizerInputs.ts';
import { softwareGpu as gpu, openSoftwareGpu } from '../fixtures/softwareGpu.ts';

function expectMoments(found: readonly number[], channel: Float32Array, what: string): void {
  const [n, mean, m2, m3, m4, absMax] = channelMoments(channel);
  const sigma = Math.sqrt(m2 / n) || 0;
  // Float64 itself is no better than 2^-50 of the mean.
  const bounds = [
    0,
    2 ** -15 * sigma + 2 ** -50 * Math.abs(mean),
    2 ** -15 * m2,
    2 ** -14 * Math.sqrt(m2 * m4),
    2 ** -15 * m4,
    0,
  ];
  [n, mean, m2, m3, m4, absMax].forEach((expected, k) => {
    const off = Math.abs((found[k] ?? Number.NaN) - expected);
    expect(off, `${what}, number ${k}: ${found[k]}, not ${expected}`).toBeLessThanOrEqual(bounds[k] ?? 0);
  });
}

async function check(values: Float32Array, rows: number, columns: number, device = gpu): Promise<void> {
  if (device === null) return;
  const found = await gpuMoments(device, values, rows, columns);
  for (let row = 0; row < rows; row++)
    expectMoments(
      [...found.rows.subarray(row * 6, row * 6 + 6)],
      values.subarray(row * columns, (row + 1) * columns),
      `row ${row}`,
    );
  for (let column = 0; column < columns; column++) {
    const channel = Float32Array.from({ length: rows }, (_, row) => values[row * columns + column] ?? Number.NaN);
    const own = Array.from({ length: 6 }, (_, k) => found.columns[k * columns + column] ?? Number.NaN);
    expectMoments(own, channel, `column ${column}`);
  }
}

describe.runIf(gpu !== null)('moments', () => {
  it.each([
    'gaussian',
    'heavyTailed',
    'zeros',
    'constant',
    'subnormal',
    'tiny',
    'huge',
    'positiveOnly',
    'oneOutlier',
    'ramp',
  ] as const)('%s', (input) => check(quantizerInput(input, 64 * 97), 64, 97));

  it.each([10, 1e3, 1e5, 1e7])('around %f σ', (mean) =>
    check(
      quantizerInput('gaussian', 300 * 40).map((x) => x / 0.02 + mean),
      300,
      40,
    ),
  );

  it('of rows and columns longer than a run', async () => {
    await check(quantizerInput('gaussian', 2 * 9001), 2, 9001);
    await check(quantizerInput('heavyTailed', 1025 * 3), 1025, 3);
  });

  it('of finite elements only', async () => {
    const values = mixedMagnitudes(3, 20 * 30).map((x) => Math.max(-1e30, Math.min(1e30, x)));
    values[7] = Number.NaN;
    values[100] = Number.POSITIVE_INFINITY;
    values[333] = Number.NEGATIVE_INFINITY;
    values.fill(Number.NaN, 60, 90);
    await check(values, 20, 30);
  });

  it('in tiles of rows, and of parts of a row', async () => {
    const small = await openSoftwareGpu(2048);
    if (small === null) return;
    await using tiled = small;
    for (const [rows, columns] of [
      [21, 50],
      [3, 301],
      [200, 2],
    ] as const)
      await check(quantizerInput('gaussian', rows * columns), rows, columns, tiled);
  });
});
