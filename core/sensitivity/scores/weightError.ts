// Score: how far the probe moves a weight, seen without any data.

import type { TensorInfo } from '../../checkpoint/checkpoint.ts';
import { isQuantizable } from '../../quant/ggufTypes.ts';
import { probeOf } from '../probe.ts';
import type { RoundTripSource } from '../roundTrip.ts';
import type { MeasureOptions, WeightScore } from '../score.ts';
import { NO_WORK } from '../work.ts';

export const weightError: WeightScore = {
  id: 'weightError',
  name: 'Weight error',
  formula: '‖W − Ŵ‖² / ‖W‖²',
  unit: 'share of ‖W‖²',
  needs: 'weights',
  plans: null,
  version: 1,
  work: (source, known) => ({ ...NO_WORK, quantized: elementsOf(waitingIn(source, known)) }),
  async measure(source, { known, onRows, signal, onProgress }) {
    const waiting = waitingIn(source, known);
    const total = elementsOf(waiting);
    let done = 0;
    for (const tensor of waiting) {
      const { type, relativeError } = await probeOf(source, tensor, signal);
      const row = { tensor: tensor.index, value: relativeError, error: Number.NaN, probe: type, relativeError };
      await onRows({ weightError: [row] });
      done += tensor.elements;
      onProgress?.(done, total, tensor.name);
    }
  },
};

function waitingIn({ checkpoint }: RoundTripSource, known: MeasureOptions['known']): TensorInfo[] {
  return checkpoint.tensors.filter((tensor) => isQuantizable(tensor) && !known(tensor.index));
}

function elementsOf(tensors: readonly TensorInfo[]): number {
  return tensors.reduce((sum, { elements }) => sum + elements, 0);
}
