// Per-row and per-column moments of a tile. Sums of powers run in float32 over at most 512 columns and 128 rows, then
// become central moments in float64 and are merged (Pébay 2008, SAND2008-6212, eq. 3.1), so that nothing cancels.
// Where float32 sums would not do (a mean beyond σ, tiny or huge values, NaN, infinity) the run is summed in float64.

import { bump, countFour } from './counts';
import { load1, load4 } from './element';

/** Bytes of one row's state: n, mean, M2, M3, M4, absMax as float64. */
// @ts-ignore: decorator
@inline const ROW_STATE: usize = 48;
/** Bytes of scratch per four columns: S1, S2, S3, S4, |x| as float32. */
// @ts-ignore: decorator
@inline const GROUP: usize = 80;
/** |x|⁴ of the largest element must neither vanish nor overflow in float32: 2^−24 … 2^28. */
// @ts-ignore: decorator
@inline const SMALLEST: f32 = 5.9604644775390625e-8;
// @ts-ignore: decorator
@inline const LARGEST: f32 = 268435456;
/** μ² beyond this share of E[x²] (|μ| > σ) loses too many digits of float32 sums. */
// @ts-ignore: decorator
@inline const OFFSET_LIMIT: f32 = 0.5;

// Central moments of the last run, ready to merge.
let runCount: f64 = 0;
let runMean: f64 = 0;
let run2: f64 = 0;
let run3: f64 = 0;
let run4: f64 = 0;
let runMax: f64 = 0;

/** Two passes in float64 over finite elements. */
function exactRun<T>(at: usize, step: usize, count: i32): void {
  let n: f64 = 0;
  let sum: f64 = 0;
  let absMax: f64 = 0;
  for (let i = 0, p = at; i < count; i++, p += step) {
    const x = load1<T>(p);
    if (!isFinite(x)) continue;
    n += 1;
    sum += x;
    absMax = max(absMax, abs(x));
  }
  const mean = n > 0 ? sum / n : 0;
  let m2: f64 = 0;
  let m3: f64 = 0;
  let m4: f64 = 0;
  for (let i = 0, p = at; i < count; i++, p += step) {
    const x = load1<T>(p);
    if (!isFinite(x)) continue;
    const d = x - mean;
    const d2 = d * d;
    m2 += d2;
    m3 += d2 * d;
    m4 += d2 * d2;
  }
  runCount = n;
  runMean = mean;
  run2 = m2;
  run3 = m3;
  run4 = m4;
  runMax = absMax;
}

/** Merges the last run into n, mean, M2, M3, M4, absMax lying `step` bytes apart. */
function mergeRun(at: usize, step: usize): void {
  if (runCount == 0) return;
  const p2 = at + 2 * step;
  const p3 = at + 3 * step;
  const p4 = at + 4 * step;
  const nA = load<f64>(at);
  const mean = load<f64>(at + step);
  const m2 = load<f64>(p2);
  const m3 = load<f64>(p3);
  const nB = runCount;
  const n = nA + nB;
  const delta = runMean - mean;
  const d = delta / n;
  const term = delta * d * nA * nB;
  store<f64>(at, n);
  store<f64>(at + step, mean + d * nB);
  store<f64>(p2, m2 + run2 + term);
  store<f64>(p3, m3 + run3 + term * d * (nA - nB) + 3 * d * (nA * run2 - nB * m2));
  store<f64>(
    p4,
    load<f64>(p4) +
      run4 +
      term * d * d * (nA * nA - nA * nB + nB * nB) +
      6 * d * d * (nA * nA * run2 + nB * nB * m2) +
      4 * d * (nA * run3 - nB * m3),
  );
  const p5 = at + 5 * step;
  store<f64>(p5, max(load<f64>(p5), runMax));
}

// @ts-ignore: decorator
@inline
function lanes(v: v128): f64 {
  return (
    <f64>f32x4.extract_lane(v, 0) +
    <f64>f32x4.extract_lane(v, 1) +
    <f64>f32x4.extract_lane(v, 2) +
    <f64>f32x4.extract_lane(v, 3)
  );
}

function finishRow<T>(
  s1: v128, s2: v128, s3: v128, s4: v128, largest: v128, at: usize, columns: i32, state: usize,
): void {
  const n = <f64>columns;
  const sum = lanes(s1);
  const squares = lanes(s2);
  const absMax = max(
    max(f32x4.extract_lane(largest, 0), f32x4.extract_lane(largest, 1)),
    max(f32x4.extract_lane(largest, 2), f32x4.extract_lane(largest, 3)),
  );
  const inRange = absMax == 0 || (absMax >= SMALLEST && absMax <= LARGEST);
  if (inRange && sum * sum <= OFFSET_LIMIT * n * squares) {
    const cubes = lanes(s3);
    const mean = sum / n;
    runCount = n;
    runMean = mean;
    run2 = squares - mean * sum;
    run3 = cubes - mean * (3 * squares - 2 * mean * sum);
    run4 = lanes(s4) - mean * (4 * cubes - mean * (6 * squares - 3 * mean * sum));
    runMax = <f64>absMax;
  } else {
    exactRun<T>(at, sizeof<T>(), columns);
  }
  mergeRun(state, 8);
}

/** Two columns' raw sums over `rows` rows into the column state at `at`, arrays `step` bytes apart. */
// @ts-ignore: decorator
@inline
function mergePair(at: usize, step: usize, rows: f64, s1: v128, s2: v128, s3: v128, s4: v128, largest: v128): void {
  const three = f64x2.splat(3);
  const four = f64x2.splat(4);
  const six = f64x2.splat(6);
  const nB = f64x2.splat(rows);
  const meanB = f64x2.mul(s1, f64x2.splat(1 / rows));
  const b2 = f64x2.sub(s2, f64x2.mul(meanB, s1));
  const twice = f64x2.mul(f64x2.add(meanB, meanB), s1);
  const b3 = f64x2.sub(s3, f64x2.mul(meanB, f64x2.sub(f64x2.mul(three, s2), twice)));
  const inner = f64x2.sub(f64x2.mul(six, s2), f64x2.mul(three, f64x2.mul(meanB, s1)));
  const b4 = f64x2.sub(s4, f64x2.mul(meanB, f64x2.sub(f64x2.mul(four, s3), f64x2.mul(meanB, inner))));

  const nA = v128.load(at);
  const meanA = v128.load(at + step);
  const a2 = v128.load(at + 2 * step);
  const a3 = v128.load(at + 3 * step);
  const n = f64x2.add(nA, nB);
  const delta = f64x2.sub(meanB, meanA);
  const d = f64x2.div(delta, n);
  const d2 = f64x2.mul(d, d);
  const nAB = f64x2.mul(nA, nB);
  const nAA = f64x2.mul(nA, nA);
  const nBB = f64x2.mul(nB, nB);
  const term = f64x2.mul(f64x2.mul(delta, d), nAB);
  v128.store(at, n);
  v128.store(at + step, f64x2.add(meanA, f64x2.mul(d, nB)));
  v128.store(at + 2 * step, f64x2.add(f64x2.add(a2, b2), term));
  const skew = f64x2.mul(f64x2.mul(term, d), f64x2.sub(nA, nB));
  const cross2 = f64x2.sub(f64x2.mul(nA, b2), f64x2.mul(nB, a2));
  v128.store(at + 3 * step, f64x2.add(f64x2.add(f64x2.add(a3, b3), skew), f64x2.mul(f64x2.mul(three, d), cross2)));
  const spread = f64x2.mul(f64x2.mul(term, d2), f64x2.add(f64x2.sub(nAA, nAB), nBB));
  const both2 = f64x2.mul(f64x2.mul(six, d2), f64x2.add(f64x2.mul(nAA, b2), f64x2.mul(nBB, a2)));
  const cross3 = f64x2.mul(f64x2.mul(four, d), f64x2.sub(f64x2.mul(nA, b3), f64x2.mul(nB, a3)));
  const p4 = at + 4 * step;
  v128.store(p4, f64x2.add(f64x2.add(v128.load(p4), b4), f64x2.add(f64x2.add(spread, both2), cross3)));
  const p5 = at + 5 * step;
  v128.store(p5, f64x2.pmax(v128.load(p5), largest));
}

// @ts-ignore: decorator
@inline
function upper(v: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<i32>(v, v, 2, 3, 2, 3));
}

function finishColumns<T>(
  src: usize, stride: usize, rows: i32, columns: i32, state: usize, step: usize, scratch: usize,
): void {
  const limit = f32x4.splat(OFFSET_LIMIT * <f32>rows);
  for (let c = 0; c < columns; c += 4) {
    const group = scratch + <usize>(c >> 2) * GROUP;
    const at = state + (<usize>c << 3);
    const s1 = v128.load(group);
    const s2 = v128.load(group, 16);
    const largest = v128.load(group, 64);
    const inRange = v128.or(
      f32x4.eq(largest, f32x4.splat(0)),
      v128.and(f32x4.ge(largest, f32x4.splat(SMALLEST)), f32x4.le(largest, f32x4.splat(LARGEST))),
    );
    const centred = f32x4.le(f32x4.mul(s1, s1), f32x4.mul(limit, s2));
    if (c + 4 <= columns && i32x4.all_true(v128.and(inRange, centred))) {
      const s3 = v128.load(group, 32);
      const s4 = v128.load(group, 48);
      mergePair(
        at, step, <f64>rows,
        f64x2.promote_low_f32x4(s1), f64x2.promote_low_f32x4(s2), f64x2.promote_low_f32x4(s3),
        f64x2.promote_low_f32x4(s4), f64x2.promote_low_f32x4(largest),
      );
      mergePair(at + 16, step, <f64>rows, upper(s1), upper(s2), upper(s3), upper(s4), upper(largest));
    } else {
      const end = min(c + 4, columns);
      for (let column = c; column < end; column++) {
        exactRun<T>(src + <usize>column * sizeof<T>(), stride, rows);
        mergeRun(state + (<usize>column << 3), step);
      }
    }
  }
}

/**
 * @param src first element; rows lie `stride` bytes apart; 16 bytes past the last element must be readable
 * @param rows ≤ 128; @param columns ≤ 512
 * @param rowState rows × 6 float64, updated
 * @param columnState this strip's first column in six float64 arrays lying `columnStep` bytes apart, updated
 * @param scratch 12,288 bytes
 * @param tables 4 × 65,536 uint32 counts of bit patterns, updated; for BF16 only: the loads and stores of counting fit
 * between the arithmetic of the moments
 */
function tileMoments<T>(
  src: usize, stride: usize, rows: i32, columns: i32, rowState: usize, columnState: usize, columnStep: usize,
  scratch: usize, tables: usize,
): void {
  const magnitude = i32x4.splat(0x7fffffff); // magnitudes compare as integers; NaN, the largest, leads to exactRun
  const groups = (columns + 3) >> 2;
  const zeroRow = scratch + 10240;
  memory.fill(scratch, 0, <usize>groups * GROUP);
  memory.fill(zeroRow, 0, 2048);
  const whole = <usize>(columns >> 2) * 4 * sizeof<T>();
  const rest = columns & 3;
  const mask = i32x4.gt_s(i32x4.splat(rest), i32x4(0, 1, 2, 3));
  for (let r = 0; r < rows; r += 2) {
    const a = src + <usize>r * stride;
    const paired = r + 1 < rows;
    const b = paired ? a + stride : zeroRow;
    let a1 = i32x4.splat(0);
    let a2 = a1;
    let a3 = a1;
    let a4 = a1;
    let aMax = a1;
    let b1 = a1;
    let b2 = a1;
    let b3 = a1;
    let b4 = a1;
    let bMax = a1;
    let group = scratch;
    for (let i: usize = 0; i < whole; i += 4 * sizeof<T>()) {
      const x = load4<T>(a + i);
      const y = load4<T>(b + i);
      if (!isFloat<T>()) {
        countFour(load<u64>(a + i), tables);
        countFour(load<u64>(b + i), tables);
      }
      const x2 = f32x4.mul(x, x);
      const y2 = f32x4.mul(y, y);
      const x3 = f32x4.mul(x2, x);
      const y3 = f32x4.mul(y2, y);
      const x4 = f32x4.mul(x2, x2);
      const y4 = f32x4.mul(y2, y2);
      const xMax = v128.and(x, magnitude);
      const yMax = v128.and(y, magnitude);
      a1 = f32x4.add(a1, x);
      b1 = f32x4.add(b1, y);
      a2 = f32x4.add(a2, x2);
      b2 = f32x4.add(b2, y2);
      a3 = f32x4.add(a3, x3);
      b3 = f32x4.add(b3, y3);
      a4 = f32x4.add(a4, x4);
      b4 = f32x4.add(b4, y4);
      aMax = i32x4.max_s(aMax, xMax);
      bMax = i32x4.max_s(bMax, yMax);
      v128.store(group, f32x4.add(v128.load(group), f32x4.add(x, y)));
      v128.store(group, f32x4.add(v128.load(group, 16), f32x4.add(x2, y2)), 16);
      v128.store(group, f32x4.add(v128.load(group, 32), f32x4.add(x3, y3)), 32);
      v128.store(group, f32x4.add(v128.load(group, 48), f32x4.add(x4, y4)), 48);
      v128.store(group, i32x4.max_s(v128.load(group, 64), i32x4.max_s(xMax, yMax)), 64);
      group += GROUP;
    }
    if (rest != 0) {
      const x = v128.and(load4<T>(a + whole), mask);
      const y = v128.and(load4<T>(b + whole), mask);
      if (!isFloat<T>()) {
        for (let i: usize = 0; i < <usize>rest * sizeof<T>(); i += sizeof<T>()) {
          bump(tables + (<usize>load<u16>(a + whole + i) << 2));
          if (paired) bump(tables + (<usize>load<u16>(b + whole + i) << 2));
        }
      }
      const x2 = f32x4.mul(x, x);
      const y2 = f32x4.mul(y, y);
      a1 = f32x4.add(a1, x);
      b1 = f32x4.add(b1, y);
      a2 = f32x4.add(a2, x2);
      b2 = f32x4.add(b2, y2);
      a3 = f32x4.add(a3, f32x4.mul(x2, x));
      b3 = f32x4.add(b3, f32x4.mul(y2, y));
      a4 = f32x4.add(a4, f32x4.mul(x2, x2));
      b4 = f32x4.add(b4, f32x4.mul(y2, y2));
      aMax = i32x4.max_s(aMax, v128.and(x, magnitude));
      bMax = i32x4.max_s(bMax, v128.and(y, magnitude));
    }
    finishRow<T>(a1, a2, a3, a4, aMax, a, columns, rowState + <usize>r * ROW_STATE);
    if (paired) finishRow<T>(b1, b2, b3, b4, bMax, b, columns, rowState + <usize>(r + 1) * ROW_STATE);
  }
  if (!isFloat<T>() && (rows & 1) != 0) {
    // The row of zeros that stood in for a partner was counted, too.
    for (let lane: usize = 0; lane < 4; lane++) {
      const zero = tables + (lane << 18);
      store<u32>(zero, load<u32>(zero) - <u32>(columns >> 2));
    }
  }
  finishColumns<T>(src, stride, rows, columns, columnState, columnStep, scratch);
}

export function momentsF32(
  src: usize, stride: usize, rows: i32, columns: i32, rowState: usize, columnState: usize, columnStep: usize,
  scratch: usize,
): void {
  tileMoments<f32>(src, stride, rows, columns, rowState, columnState, columnStep, scratch, 0);
}

export function countedMomentsBF16(
  src: usize, stride: usize, rows: i32, columns: i32, rowState: usize, columnState: usize, columnStep: usize,
  scratch: usize, tables: usize,
): void {
  tileMoments<u16>(src, stride, rows, columns, rowState, columnState, columnStep, scratch, tables);
}
