// What an ONNX model is fed: arrays from files, numbers, or seeded noise of the shape it asks for.

import { QuantscopeError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { openCheckpoint } from '../checkpoint/open.ts';
import { tensorSource } from '../checkpoint/tensorSource.ts';
import type { ValuesInput } from '../forward/loadValues.ts';
import type { OnnxFeed, OnnxInput } from '../forward/onnxModel.ts';
import type { Pool } from '../kernels/pool.ts';

export interface InputChoice {
  /** By input name: a number for all elements, or the path of an array (.npy, .npz, .safetensors). */
  readonly given: ReadonlyMap<string, string>;
  /** By name of an open dimension, or "INPUT.AXIS" for nameless ones; 1 where left out. */
  readonly sizes: ReadonlyMap<string, number>;
  readonly seed: number;
}

/** Values made for all inputs together: 256 MB of float64. */
const MAX_MADE_ELEMENTS = 1 << 25;
/** Files are read as float32, which is exact for integers up to here. */
const MAX_EXACT_INTEGER = 2 ** 24;

/**
 * One value per input. Floats without a value are standard normal noise; integers need one, since only the model's
 * author knows what they mean.
 *
 * @throws SHAPE_INVALID naming the input, TENSOR_NOT_FOUND, USAGE for names that are none of the model's, and what
 * opening a file throws
 */
export async function onnxFeeds(
  inputs: readonly OnnxInput[],
  choice: InputChoice,
  pool: Pool,
  signal: AbortSignal | undefined,
): Promise<Map<string, OnnxFeed>> {
  refuseUnknown(inputs, choice);
  const random = new Random(choice.seed);
  const feeds = new Map<string, OnnxFeed>();
  let made = 0;
  for (const input of inputs) {
    const given = choice.given.get(input.name);
    if (given !== undefined && !isNumber(given)) {
      feeds.set(input.name, await fromFile(input, given, pool, signal));
      continue;
    }
    const dimensions = shapeOf(input, choice.sizes);
    made += dimensions.reduce((product, size) => product * size, 1);
    if (!(made <= MAX_MADE_ELEMENTS))
      throw new QuantscopeError(
        'SHAPE_INVALID',
        `with the input ${input.name}, values for ${made} elements are to be made, limit ${MAX_MADE_ELEMENTS}`,
      );
    feeds.set(input.name, filled(input, given === undefined ? null : Number(given), dimensions, random));
  }
  return feeds;
}

function shapeOf({ name, dimensions }: OnnxInput, sizes: ReadonlyMap<string, number>): number[] {
  return dimensions.map((dimension, axis) =>
    typeof dimension === 'number' ? dimension : (sizes.get(dimension) ?? sizes.get(`${name}.${axis}`) ?? 1),
  );
}

function filled(
  { name, type }: OnnxInput,
  value: number | null,
  dimensions: readonly number[],
  random: Random,
): OnnxFeed {
  if (value === null && !type.startsWith('float'))
    throw new QuantscopeError('SHAPE_INVALID', `the input ${name} takes ${type}: give a number or a file for it`);
  const count = dimensions.reduce((product, size) => product * size, 1);
  // Double precision keeps integers such as a sampling rate or a seed exact.
  const values = Float64Array.from({ length: count }, () => value ?? random.normal());
  return { dimensions, values };
}

async function fromFile(
  { name, type }: OnnxInput,
  path: string,
  pool: Pool,
  signal: AbortSignal | undefined,
): Promise<OnnxFeed> {
  const arrays = await openCheckpoint(path, { signal });
  const array = arrayFor(name, arrays);
  const input: ValuesInput = { source: tensorSource(arrays, array.index), wanted: { first: 0, count: array.elements } };
  const values = await pool.run<Float32Array>('loadValues', input, { signal });
  if (!type.startsWith('float') && values.some((value) => Math.abs(value) > MAX_EXACT_INTEGER))
    throw new QuantscopeError(
      'SHAPE_INVALID',
      `${arrays.name}: ${array.name} holds integers above ${MAX_EXACT_INTEGER}, which would be rounded`,
    );
  return { dimensions: array.shape, values };
}

/** The array of the input's name, or the only one. */
function arrayFor(name: string, { name: file, tensors }: Checkpoint): Checkpoint['tensors'][number] {
  const array = tensors.find((tensor) => tensor.name === name) ?? (tensors.length === 1 ? tensors[0] : undefined);
  if (array !== undefined) return array;
  throw new QuantscopeError('TENSOR_NOT_FOUND', `${file}: ${tensors.length} arrays, none called ${name}`);
}

function refuseUnknown(inputs: readonly OnnxInput[], { given }: InputChoice): void {
  const names = new Set(inputs.map(({ name }) => name));
  for (const name of given.keys())
    if (!names.has(name))
      throw new QuantscopeError('USAGE', `the model has no input ${name}; its inputs: ${[...names].join(', ')}`);
}

function isNumber(text: string): boolean {
  return text.trim() !== '' && Number.isFinite(Number(text));
}
