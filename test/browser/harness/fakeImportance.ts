// A synthetic importance matrix: heavy-tailed mean squared activations, a few columns far above the rest.

import type { StatisticsRow } from '../../../core/protocol/objects.ts';
import type { Spec } from './fakeModel.ts';
import { hash } from './hash.ts';

type Role = Spec['role'];

const MODULES: readonly (readonly [name: string, role: Role])[] = [
  ['attn_q', 'attention.q'],
  ['attn_k', 'attention.k'],
  ['attn_v', 'attention.v'],
  ['attn_output', 'attention.output'],
  ['ffn_gate_exps', 'expert.gate'],
  ['ffn_up_exps', 'expert.up'],
  ['ffn_down_exps', 'expert.down'],
];

/** One row of columns per tensor; those of experts have one row per expert. */
export function importanceSpecs(layers: number, hidden: number, ffn: number, experts: number): Spec[] {
  const specs: Spec[] = [];
  for (let layer = 0; layer < layers; layer++) {
    for (const [module, role] of MODULES) {
      const shape = [module.endsWith('_exps') ? experts : 1, module === 'ffn_down_exps' ? ffn : hidden];
      specs.push({ name: `blk.${layer}.${module}.weight`, shape, layer, role, stack: 'blk', module, dtype: 'F32' });
    }
  }
  specs.push({
    name: 'output.weight',
    shape: [1, hidden],
    layer: -1,
    role: 'output',
    stack: '',
    module: 'output',
    dtype: 'F32',
  });
  return specs;
}

/** Mean squared activation of one column. */
export function importance(tensor: number, row: number, column: number): number {
  const gauss =
    Math.sqrt(-2 * Math.log(hash(tensor, row, column) + 1e-12)) * Math.cos(6.2831853 * hash(column, tensor, row + 3));
  const strong = hash(column, 5, 5) > 0.994 ? 60 * hash(tensor, 1, 1) ** 2 : 1;
  return column % 251 === 17 ? 0 : 0.05 * (1 + tensor / 20) * Math.exp(1.1 * gauss) * strong;
}

export function importanceOf(tensor: number, columns: number): Float32Array {
  return Float32Array.from({ length: columns }, (_, column) => importance(tensor, 0, column));
}

/** As the engine would: one pass over every value. */
export function columnStatistics(values: Float32Array): StatisticsRow['statistics'] {
  const count = values.length;
  const moment = (power: number, about: number): number =>
    values.reduce((sum, value) => sum + (value - about) ** power, 0) / count;
  const mean = moment(1, 0);
  const std = Math.sqrt(moment(2, mean));
  const max = values.reduce((most, value) => Math.max(most, value), 0);
  return {
    count,
    min: 0,
    max,
    mean,
    std,
    absMax: max,
    rms: Math.sqrt(moment(2, 0)),
    kurtosis: moment(4, mean) / std ** 4 - 3,
    maxToMeanRatio: max / mean,
    outlierFraction3: 0.01,
    outlierFraction6: 0.002,
    zeros: values.filter((value) => value === 0).length,
    nan: 0,
    inf: 0,
    layerOutlierDistribution: [0.02, 0.01, 0.005, 0.001],
  };
}
