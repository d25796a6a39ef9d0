// x ≈ scale · level of sixteen unevenly spaced ones, on the GPU: reference/quantizeIq4.ts in WGSL.

import { IQ4_LEVELS } from '../reference/decodeLegacy.ts';
import { literal } from './float32.ts';
import { itemKernel, type Passes, type Words } from './passes.ts';
import { TINY } from './symmetricFit.ts';

const MIDPOINTS = IQ4_LEVELS.slice(1).map((level, k) => (level + (IQ4_LEVELS[k] ?? 0)) / 2);

/** Halves the levels four times; a value between two takes the upper one, NaN the last. */
const NEAREST_LEVEL = /* wgsl */ `
const MIDPOINTS = array<u32, 15>(${MIDPOINTS.map(literal).join(', ')});
fn nearestLevel(v: u32) -> u32 {
  var midpoints = MIDPOINTS;
  var level = 0u;
  for (var half = 8u; half > 0u; half >>= 1u) {
    if (!fLess(v, midpoints[level + half - 1u])) { level += half; }
  }
  return level;
}`;

/** Fifteen inverse scales around level 0 / (value of largest magnitude), after that of the other sign. */
const FIT = itemKernel(
  'fit to levels',
  { reads: ['values', 'importance'], writes: ['scales'] },
  /* wgsl */ `
const LEVELS = array<u32, 16>(${IQ4_LEVELS.map(literal).join(', ')});
${NEAREST_LEVEL}
fn item(i: u32) {
  var levels = LEVELS;
  var x: array<u32, 32>;
  var w: array<u32, 32>;
  var most = 0u;
  for (var j = 0u; j < 32u; j++) {
    x[j] = values[i * 32u + j];
    w[j] = importance[i * 32u + j];
    if (fLess(fAbs(most), fAbs(x[j]))) { most = x[j]; }
  }
  var scale = 0u;
  if (!fLess(fAbs(most), ${TINY})) {
    var best = 0u;
    for (var k = -8; k <= 7; k++) {
      var inverse = fDiv(select(fFromInt(k - 127), most, k < -7), select(most, ${literal(127)}, k < -7));
      if (k < -7) { inverse = fDiv(ONE, inverse); }
      var sumQX = 0u;
      var sumQ2 = 0u;
      for (var j = 0u; j < 32u; j++) {
        let q = levels[nearestLevel(fMul(inverse, x[j]))];
        let wq = fMul(w[j], q);
        sumQX = fAdd(sumQX, fMul(wq, x[j]));
        sumQ2 = fAdd(sumQ2, fMul(wq, q));
      }
      let positive = fLess(0u, sumQ2);
      if (k < -7 || (positive && fLess(fMul(best, sumQ2), fMul(sumQX, sumQX)))) {
        scale = select(0u, fDiv(sumQX, sumQ2), positive);
        best = fMul(scale, sumQX);
      }
    }
  }
  scales[i] = scale;
}`,
);

/** One float32 for each part of 32. */
export function fitLevels(passes: Passes, values: Words, importance: Words): Words {
  const scales = passes.make(values.length / 32);
  passes.add(FIT, scales.length, [values, importance, scales]);
  return scales;
}

const CODES = itemKernel(
  'codes of levels',
  { reads: ['values', 'scales'], writes: ['codes'] },
  /* wgsl */ `
${NEAREST_LEVEL}
fn item(i: u32) {
  let scale = scales[i >> 3u];
  let inverse = select(fDiv(ONE, scale), 0u, fZero(scale));
  var word = 0u;
  for (var j = 0u; j < 4u; j++) { word |= nearestLevel(fMul(inverse, values[4u * i + j])) << (8u * j); }
  codes[i] = word;
}`,
);

/** One byte a value. */
export function levelCodes(passes: Passes, values: Words, scales: Words): Words {
  const codes = passes.make(values.length / 4);
  passes.add(CODES, codes.length, [values, scales, codes]);
  return codes;
}

const SCALE_CODES = itemKernel(
  'scale codes of IQ4_XS',
  { reads: ['scales'], writes: ['d', 'codes', 'steps'] },
  /* wgsl */ `
fn item(i: u32) {
  var most = 0u;
  for (var j = 8u * i; j < 8u * i + 8u; j++) { if (fLess(fAbs(most), fAbs(scales[j]))) { most = scales[j]; } }
  let largest = fDiv(most ^ F_SIGN, fFromInt(32));
  let inverse = select(fDiv(ONE, largest), 0u, fZero(largest));
  d[i] = largest;
  for (var j = 8u * i; j < 8u * i + 8u; j++) {
    let code = clampedInt(fMul(inverse, scales[j]), -32, 31);
    steps[j] = fMul(largest, fFromInt(code));
    codes[j] = u32(code + 32);
  }
}`,
);

export interface LevelScales {
  /** One float32 a super-block. */
  readonly d: Words;
  /** One word a part: 0 … 63. */
  readonly codes: Words;
  /** d · (code − 32), one float32 a part: of the float32 d, not of the half that is stored. */
  readonly steps: Words;
}

/** Scales of eight parts as six-bit codes. */
export function levelScales(passes: Passes, scales: Words): LevelScales {
  const out = {
    d: passes.make(scales.length / 8),
    codes: passes.make(scales.length),
    steps: passes.make(scales.length),
  };
  passes.add(SCALE_CODES, out.d.length, [scales, out.d, out.codes, out.steps]);
  return out;
}
