// Affine grids of groups, with or without the search for the range of least squared error: core/quant/gptq/affineGrid.ts
// in SIMD, bit for bit. Four ranges side by side, so that each one's error is added up in the order of the weights.

/** Shares of the range: 100 % down to 20 % in steps of 1 %. */
// @ts-ignore: decorator
@inline const RANGES: i32 = 81;

const lanes: usize = memory.data(48, 16);

let steps: v128 = f32x4.splat(0);
let balanced: bool = false;
let middle: v128 = f32x4.splat(0);

// Of the last call of `gridsOf`.
let scale: v128 = f32x4.splat(0);
let zero: v128 = f32x4.splat(0);

// @ts-ignore: decorator
@inline
function nearest(v: v128): v128 {
  return f32x4.floor(f32x4.add(v, f32x4.splat(0.5)));
}

// @ts-ignore: decorator
@inline
function clampSteps(v: v128): v128 {
  return f32x4.pmax(f32x4.splat(0), f32x4.pmin(steps, v));
}

function gridsOf(least: v128, most: v128): void {
  const reach = f32x4.pmax(f32x4.neg(least), most);
  const range = balanced ? f32x4.add(reach, reach) : f32x4.sub(most, least);
  const some = f32x4.div(range, steps);
  scale = v128.bitselect(f32x4.splat(1), some, f32x4.eq(some, f32x4.splat(0)));
  zero = balanced ? middle : clampSteps(nearest(f32x4.div(f32x4.neg(least), scale)));
}

function squaredErrors(src: usize, size: i32): v128 {
  const s = scale;
  const z = zero;
  let error = f32x4.splat(0);
  for (let end = src + (<usize>size << 2); src < end; src += 4) {
    const w = v128.load32_splat(src);
    const code = clampSteps(f32x4.add(nearest(f32x4.div(w, s)), z));
    const lost = f32x4.sub(w, f32x4.mul(s, f32x4.sub(code, z)));
    error = f32x4.add(error, f32x4.mul(lost, lost));
  }
  return error;
}

// @ts-ignore: decorator
@inline
function share(k: i32): f32 {
  const percent: i32 = 100 - k;
  return <f32>percent / 100;
}

function search(src: usize, size: i32, least: f32, most: f32, scaleAt: usize, zeroAt: usize): void {
  let best: f32 = 0;
  for (let k = 0; k < RANGES; k += 4) {
    let shares = f32x4.splat(share(k));
    shares = f32x4.replace_lane(shares, 1, share(k + 1));
    shares = f32x4.replace_lane(shares, 2, share(k + 2));
    shares = f32x4.replace_lane(shares, 3, share(k + 3));
    gridsOf(f32x4.mul(shares, f32x4.splat(least)), f32x4.mul(shares, f32x4.splat(most)));
    v128.store(lanes, squaredErrors(src, size));
    v128.store(lanes, scale, 16);
    v128.store(lanes, zero, 32);
    for (let lane = 0; lane < min(4, RANGES - k); lane++) {
      const at = lanes + (<usize>lane << 2);
      const error = load<f32>(at);
      if (k + lane > 0 && !(error < best)) continue;
      best = error;
      store<f32>(scaleAt, load<f32>(at, 16));
      store<f32>(zeroAt, load<f32>(at, 32));
    }
  }
}

/**
 * @param src groups × size float32, finite
 * @param scales, zeros one float32 a group
 */
export function affineGrids(
  src: usize, groups: i32, size: i32, bits: i32, symmetric: bool, searched: bool, scales: usize, zeros: usize,
): void {
  steps = f32x4.splat(<f32>((1 << bits) - 1));
  balanced = symmetric;
  middle = f32x4.splat(<f32>(1 << (bits - 1)));
  for (let group = 0; group < groups; group++) {
    let least: f32 = 0;
    let most: f32 = 0;
    const end = src + (<usize>size << 2);
    for (let at = src; at < end; at += 4) {
      const w = load<f32>(at);
      least = min(least, w);
      most = max(most, w);
    }
    if (searched) search(src, size, least, most, scales, zeros);
    else {
      gridsOf(f32x4.splat(least), f32x4.splat(most));
      store<f32>(scales, f32x4.extract_lane(scale, 0));
      store<f32>(zeros, f32x4.extract_lane(zero, 0));
    }
    src = end;
    scales += 4;
    zeros += 4;
  }
}
