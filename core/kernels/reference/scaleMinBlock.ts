// The common part of Q4_K and Q5_K: eight sub-blocks of 32 with a 6-bit scale and a 6-bit minimum each.

import { at } from './at.ts';
import type { AffineFit, AffineSearch } from './fitScaleAndMin.ts';
import { decodeHalf, encodeHalf } from './half.ts';
import { makeQkx2Quants } from './makeQkx2Quants.ts';
import { makeQkx3Quants } from './makeQkx3Quants.ts';
import { makeQpQuants } from './makeQpQuants.ts';
import { nearestInt } from './nearestInt.ts';
import { BLOCK, largest, mixedWeights, requantize, sum, sumOfSquares } from './superBlock.ts';

const f = Math.fround;
const SUB = 32;
const SUBS = BLOCK / SUB;

/** Search of make_qkx3_quants, the same for every type. */
export const WEIGHTED_SEARCH = { rmin: f(-0.9), rdelta: f(0.05), steps: 36, absolute: false } as const;

/** Writes d, dmin and the packed scales (16 bytes from 0) and returns the 256 codes. */
export function quantizeScaleMinBlock(
  x: Float32Array,
  weights: Float32Array | null,
  search: AffineSearch,
  out: DataView,
): Uint8Array {
  const { d, dmin, scales, mins, codes } = weights === null ? unweighted(x, search) : weighted(x, weights, search.nmax);
  // With weights a fitted scale can turn out negative and wrap beyond 63: quantize_row_q5_K_impl clamps such codes,
  // quantize_row_q4_K_impl lets them spill into their neighbours' bits and continues with what was stored.
  const most = search.nmax === 31 ? 63 : 255;
  packScales(
    scales.map((code) => Math.min(most, code)),
    mins.map((code) => Math.min(most, code)),
    out,
  );
  out.setUint16(0, encodeHalf(d), true);
  out.setUint16(2, encodeHalf(dmin), true);
  for (let j = 0; j < SUBS; j++) {
    const stored = unpackScale(out, j);
    const scale = f(decodeHalf(encodeHalf(d)) * stored.scale);
    const min = f(decodeHalf(encodeHalf(dmin)) * stored.min);
    requantize(subBlock(x, j), codes.subarray(SUB * j, SUB * j + SUB), scale, min, 0, search.nmax);
  }
  return codes;
}

interface Coarse {
  d: number;
  dmin: number;
  scales: Uint8Array;
  mins: Uint8Array;
  codes: Uint8Array;
}

function unweighted(x: Float32Array, search: AffineSearch): Coarse {
  const fits = Array.from({ length: SUBS }, (_, j) => {
    const part = subBlock(x, j);
    const average = f(Math.sqrt(f(sumOfSquares(part) / SUB)));
    return makeQkx2Quants(
      part,
      part.map((v) => average + Math.abs(v)),
      search,
    );
  });
  const scales = fits.map((fit) => fit.scale);
  const mins = fits.map((fit) => fit.min);
  const maxScale = largest(scales);
  const maxMin = largest(mins);
  const toCode = (most: number): ((v: number) => number) => {
    const inverse = most > 0 ? f(63 / most) : 0;
    return (v) => Math.min(63, nearestInt(f(inverse * v)) & 0xff);
  };
  return {
    d: f(maxScale / 63),
    dmin: f(maxMin / 63),
    scales: Uint8Array.from(
      fits.map((fit) => fit.scale),
      toCode(maxScale),
    ),
    mins: Uint8Array.from(
      fits.map((fit) => fit.min),
      toCode(maxMin),
    ),
    codes: joinCodes(fits),
  };
}

function weighted(x: Float32Array, weights: Float32Array, nmax: number): Coarse {
  const sigma2 = f(f(2 * sumOfSquares(x)) / BLOCK);
  const mixed = mixedWeights(x, weights, sigma2);
  const fits = Array.from({ length: SUBS }, (_, j) =>
    makeQkx3Quants(subBlock(x, j), subBlock(mixed, j), { nmax, ...WEIGHTED_SEARCH }),
  );
  const importance = Float32Array.from(fits, (_, j) => sum(subBlock(mixed, j)));
  const d = makeQpQuants(
    Float32Array.from(fits, (fit) => fit.scale),
    importance,
    63,
  );
  const m = makeQpQuants(
    Float32Array.from(fits, (fit) => fit.min),
    importance,
    63,
  );
  return { d: d.scale, dmin: m.scale, scales: d.codes, mins: m.codes, codes: joinCodes(fits) };
}

function subBlock(x: Float32Array, j: number): Float32Array {
  return x.subarray(SUB * j, SUB * j + SUB);
}

function joinCodes(fits: readonly AffineFit[]): Uint8Array {
  return Uint8Array.from(fits.flatMap((fit) => Array.from(fit.codes)));
}

/**
 * Twelve bytes from offset 4: bytes 0–3 scales 0–3, bytes 4–7 minimums 0–3 in their low six bits; bytes 8–11 the low
 * nibbles of scale and minimum 4–7, whose two high bits sit on top of bytes 0–3 and 4–7.
 */
function packScales(scales: Uint8Array, mins: Uint8Array, out: DataView): void {
  for (let j = 0; j < 4; j++) {
    const scale = at(scales, j + 4);
    const min = at(mins, j + 4);
    out.setUint8(4 + j, at(scales, j) | ((scale >> 4) << 6));
    out.setUint8(8 + j, at(mins, j) | ((min >> 4) << 6));
    out.setUint8(12 + j, (scale & 15) | ((min & 15) << 4));
  }
}

/** ggml `get_scale_min_k4` */
function unpackScale(block: DataView, j: number): { scale: number; min: number } {
  if (j < 4) return { scale: block.getUint8(4 + j) & 63, min: block.getUint8(8 + j) & 63 };
  const low = block.getUint8(8 + j);
  return {
    scale: (low & 15) | ((block.getUint8(j) >> 6) << 4),
    min: (low >> 4) | ((block.getUint8(4 + j) >> 6) << 4),
  };
}
