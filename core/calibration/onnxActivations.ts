// Activation statistics of an ONNX model that runs as it is: moments of every channel that flows into a stored weight.

import { throwIfCancelled } from '../base/cancellation.ts';
import { QuantscopeError } from '../base/errors.ts';
import type { LinearInput } from '../checkpoint/onnx/linearInputs.ts';
import type { RunProgress } from '../forward/decoder.ts';
import type { OnnxFeed, OnnxModel, OnnxValue } from '../forward/onnxModel.ts';
import { ChannelMoments } from './channelMoments.ts';

/** Values handed out by one run: those of a whole model at once can take more memory than its weights. */
const VALUES_PER_RUN = 16;

export interface OnnxTap extends LinearInput {
  readonly moments: ChannelMoments;
}

/**
 * @param runs inputs of each run
 * @returns inputs of the model's linear operators in its order; those that hold no floats are left out
 * @throws NON_FINITE naming value and weights, SHAPE_INVALID, MEMORY_LIMIT, CANCELLED
 */
export async function onnxActivations(
  model: OnnxModel,
  inputs: readonly LinearInput[],
  runs: readonly ReadonlyMap<string, OnnxFeed>[],
  { signal, onProgress }: RunProgress = {},
): Promise<OnnxTap[]> {
  const moments = new Map<string, ChannelMoments>();
  const groups = Math.ceil(inputs.length / VALUES_PER_RUN);
  let done = 0;
  for (const feeds of runs) {
    for (let group = 0; group < groups; group++) {
      throwIfCancelled(signal, 'running the model');
      const wanted = inputs.slice(group * VALUES_PER_RUN, (group + 1) * VALUES_PER_RUN);
      const names = wanted.map(({ value }) => value);
      const found = await model.run(feeds, names);
      for (const input of wanted) {
        const value = found.get(input.value);
        if (value !== undefined) add(moments, input, value);
      }
      onProgress?.(++done, runs.length * groups, names.at(-1) ?? '');
    }
  }
  return inputs.flatMap((input) => {
    const measured = moments.get(input.value);
    return measured === undefined ? [] : [{ ...input, moments: measured }];
  });
}

function add(
  moments: Map<string, ChannelMoments>,
  { value, channelAxis, weights }: LinearInput,
  found: OnnxValue,
): void {
  const { dimensions } = found;
  const axis = channelAxis < 0 ? dimensions.length + channelAxis : channelAxis;
  const channels = dimensions[axis] ?? 1;
  const own = moments.get(value) ?? new ChannelMoments(channels);
  moments.set(value, own);
  if (own.columns !== channels)
    throw new QuantscopeError('SHAPE_INVALID', `${value}: ${channels} channels, ${own.columns} in the run before`);
  if (!own.add(channelsLast(found, axis)))
    throw new QuantscopeError('NON_FINITE', `${value}: values before ${weights.join(', ')} are not finite`);
}

/** [outer, channels, inner] → [outer · inner, channels]; as it is where channels are last already. */
function channelsLast({ dimensions, values }: OnnxValue, axis: number): Float32Array {
  const channels = dimensions[axis] ?? 1;
  const inner = dimensions.slice(axis + 1).reduce((product, size) => product * size, 1);
  if (inner === 1) return values;
  const outer = values.length / (channels * inner);
  const turned = new Float32Array(values.length);
  for (let o = 0; o < outer; o++)
    for (let channel = 0; channel < channels; channel++)
      for (let i = 0; i < inner; i++)
        turned[(o * inner + i) * channels + channel] = values[(o * channels + channel) * inner + i] ?? 0;
  return turned;
}
