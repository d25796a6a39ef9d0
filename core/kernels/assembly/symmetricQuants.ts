// Q4_0 and Q5_0 with importance weights: make_qx_quants of ggml-quants.c, bit for bit; without weights, roundQuants.
// The nineteen candidate scales of a block are SIMD lanes (a twentieth idles); each adds up in ggml's element order.

import { halfBits } from './half';
import { bytes16, integral4, nearest4, nibbles } from './quantCodes';
import { roundQ4_0, roundQ5_0, signedMaximum32, store5 } from './roundQuants';
import { importance4, meanSquare } from './rowImportance';

// @ts-ignore: decorator
@inline const GROUP_MAX_EPS: f32 = 1e-15;

const importance = memory.data(32 * 4, 16);
const inverses = memory.data(20 * 4, 16);
const sums = memory.data(40 * 4, 16); // Σ w·x·l of 20 candidates, then Σ w·l²
const kept = memory.data(4, 4); // the inverse scale that gives the codes

export function quantizeQ4_0(src: usize, dst: usize, rows: i32, columns: i32, weights: usize): void {
  if (weights == 0) return roundQ4_0(src, dst, rows, columns);
  const blocks = (<usize>columns) >> 5;
  for (let row = 0; row < rows; row++) {
    const sigma2 = meanSquare(src, columns);
    for (let block: usize = 0; block < blocks; block++, src += 128, dst += 18) {
      store<u16>(dst, <u16>scaleBits(bestScale(src, weights + (block << 7), sigma2, 8)));
      v128.store(dst, nibbles(codes16(src, 8), codes16(src + 64, 8)), 2);
    }
  }
}

export function quantizeQ5_0(src: usize, dst: usize, rows: i32, columns: i32, weights: usize): void {
  if (weights == 0) return roundQ5_0(src, dst, rows, columns);
  const blocks = (<usize>columns) >> 5;
  for (let row = 0; row < rows; row++) {
    const sigma2 = meanSquare(src, columns);
    for (let block: usize = 0; block < blocks; block++, src += 128, dst += 22) {
      store<u16>(dst, <u16>scaleBits(bestScale(src, weights + (block << 7), sigma2, 16)));
      store5(dst + 2, codes16(src, 16), codes16(src + 64, 16));
    }
  }
}

/** The sign of a NaN that arithmetic produced is x86's on every machine. */
function scaleBits(d: f32): u32 {
  return d != d ? 0xfe00 : halfBits(d);
}

// @ts-ignore: decorator
@inline
function bounded4(v: v128, nmax: f32): v128 {
  return f32x4.pmax(f32x4.splat(-nmax), f32x4.pmin(f32x4.splat(nmax - 1), v));
}

/** Codes 0…2 nmax − 1 of 16 elements under the inverse scale in `kept`; a zero block (−infinity) gets zeros. */
function codes16(at: usize, nmax: f32): v128 {
  const inverse = load<f32>(kept);
  if (inverse == -Infinity) return i8x16.splat(0);
  const scale = f32x4.splat(inverse);
  const bias = f32x4.splat(nmax);
  return bytes16(
    integral4(f32x4.add(bounded4(nearest4(f32x4.mul(v128.load(at), scale)), nmax), bias)),
    integral4(f32x4.add(bounded4(nearest4(f32x4.mul(v128.load(at, 16), scale)), nmax), bias)),
    integral4(f32x4.add(bounded4(nearest4(f32x4.mul(v128.load(at, 32), scale)), nmax), bias)),
    integral4(f32x4.add(bounded4(nearest4(f32x4.mul(v128.load(at, 48), scale)), nmax), bias)),
  );
}

/** @returns d, and leaves in `kept` the inverse scale whose codes belong to it */
function bestScale(at: usize, weights: usize, sigma2: f32, nmax: f32): f32 {
  const max = signedMaximum32(at);
  if (abs<f32>(max) < GROUP_MAX_EPS) {
    store<f32>(kept, -Infinity);
    return 0;
  }
  for (let i: usize = 0; i < 128; i += 16) {
    v128.store(importance + i, importance4(v128.load(at + i), v128.load(weights + i), sigma2));
  }
  store<f32>(inverses, -nmax / max);
  let lane: usize = 4;
  for (let k = -9; k <= 9; k++) {
    if (k == 0) continue;
    store<f32>(inverses + lane, -(nmax + <f32>0.1 * <f32>k) / max);
    lane += 4;
  }
  for (let first: usize = 0; first < 80; first += 16) sumCandidates(at, first, nmax);
  return pickCandidate();
}

/** Four candidates at a time: the five groups are independent, so their additions overlap. */
// @ts-ignore: decorator
@inline
function sumCandidates(at: usize, first: usize, nmax: f32): void {
  const inverse = v128.load(inverses + first);
  let lx = f32x4.splat(0);
  let l2 = f32x4.splat(0);
  for (let i: usize = 0; i < 128; i += 4) {
    const x = v128.load32_splat(at + i);
    const w = v128.load32_splat(importance + i);
    const l = bounded4(nearest4(f32x4.mul(inverse, x)), nmax);
    lx = f32x4.add(lx, f32x4.mul(f32x4.mul(w, x), l));
    l2 = f32x4.add(l2, f32x4.mul(f32x4.mul(w, l), l));
  }
  v128.store(sums + first, lx);
  v128.store(sums + first, l2, 80);
}

/** In ggml's order, compared without division; a tie keeps the earlier candidate. */
function pickCandidate(): f32 {
  let lx = load<f32>(sums);
  let l2 = load<f32>(sums, 80);
  let d: f32 = l2 != 0 ? lx / l2 : 0;
  let best = d * lx;
  let chosen: usize = 0;
  for (let i: usize = 4; i < 76; i += 4) {
    lx = load<f32>(sums + i);
    l2 = load<f32>(sums + i, 80);
    if (l2 > 0 && lx * lx > best * l2) {
      d = lx / l2;
      best = d * lx;
      chosen = i;
    }
  }
  store<f32>(kept, load<f32>(inverses + chosen));
  return d;
}
