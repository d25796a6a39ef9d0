// ONNX models run as they are: the tapped values are what the weights multiply, and inputs come from files or seeds.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { onnxFeeds } from '../../../core/calibration/onnxInputs.ts';
import { readLinearInputs } from '../../../core/checkpoint/onnx/linearInputs.ts';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { tensorSource } from '../../../core/checkpoint/tensorSource.ts';
import { OnnxModel } from '../../../core/forward/onnxModel.ts';
import { createPool } from '../../../core/kernels/pool.ts';
import { sharedData } from '../../fixtures/sharedData.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { npyBytes } from '../../fixtures/writeNpy.ts';
import { bytes, externalData, integer, ONNX, writeOnnx } from '../../fixtures/writeOnnx.ts';

const folder = temporaryFolder();
const pool = createPool(new URL('../../../core/engine/worker.ts', import.meta.url), 2);
afterAll(() => pool.close());

const FIRST = Float32Array.of(1, -2, 0.5, 3, -1, 2); // [3, 2]
const SECOND = Float32Array.of(2, 1, -1, 0.25, 0.5, -3, 1, 1); // [4, 2], transposed by Gemm

/** dimension entries of a value: a number or a name. */
const value = (name: string, type: number, dimensions: readonly (number | string)[]): Uint8Array => {
  const shape = dimensions.map((d) => bytes(1, typeof d === 'number' ? [integer(1, d)] : [bytes(2, d)]));
  return bytes(11, [bytes(1, name), bytes(2, [bytes(1, [integer(1, type), bytes(2, shape)])])]);
};
const output = (name: string): Uint8Array =>
  bytes(12, [bytes(1, name), bytes(2, [bytes(1, [integer(1, ONNX.FLOAT)])])]);

/** y = relu(x · first) · secondᵀ, `first` seen through an Identity, `second` in a file beside. */
function twoLayers(): string {
  const path = join(folder, 'two.onnx');
  writeFileSync(join(folder, 'two.onnx.data'), SECOND);
  const location = externalData({ location: 'two.onnx.data', offset: '0', length: '32' });
  writeOnnx(path, {
    nodes: [
      { op: 'Identity', inputs: ['first'], outputs: ['form'] },
      { op: 'MatMul', inputs: ['x', 'form'], outputs: ['h'] },
      { op: 'Relu', inputs: ['h'], outputs: ['r'] },
      {
        op: 'Gemm',
        inputs: ['r', 'second'],
        outputs: ['y'],
        attributes: { transB: Uint8Array.of(0x18, 1, 0xa0, 1, 2) },
      },
    ],
    tensors: [
      { name: 'first', type: ONNX.FLOAT, shape: [3, 2], raw: FIRST },
      { name: 'second', type: ONNX.FLOAT, shape: [4, 2], fields: location },
    ],
    fields: [value('x', ONNX.FLOAT, ['batch', 3]), output('y')],
  });
  return path;
}

const random = { given: new Map<string, string>(), sizes: new Map<string, number>(), seed: 1 };

describe('a model of two layers', () => {
  test('its weights, and the values they multiply', async () => {
    const { inputs, unreachable } = await readLinearInputs(twoLayers(), undefined);
    expect(unreachable).toBe(0);
    expect(inputs).toEqual([
      { value: 'x', channelAxis: -1, weights: ['first'], operator: 'MatMul' },
      { value: 'r', channelAxis: -1, weights: ['second'], operator: 'Gemm' },
    ]);
  });

  test('tapped values against loops; outputs as before', async () => {
    await using model = await OnnxModel.open(twoLayers(), ['x', 'r'], 1);
    expect(model.inputs).toEqual([{ name: 'x', type: 'float32', dimensions: ['batch', 3] }]);
    const x = Float32Array.of(1, 2, 3, -1, 0.5, 2);
    const found = await model.run(new Map([['x', { dimensions: [2, 3], values: x }]]), ['x', 'r', 'y']);
    const r = [0, 1].flatMap((row) =>
      [0, 1].map((to) =>
        Math.max(
          0,
          [0, 1, 2].reduce((sum, k) => sum + (x[row * 3 + k] ?? 0) * (FIRST[k * 2 + to] ?? 0), 0),
        ),
      ),
    );
    const y = [0, 1].flatMap((row) =>
      [0, 1, 2, 3].map((to) => [0, 1].reduce((sum, k) => sum + (r[row * 2 + k] ?? 0) * (SECOND[to * 2 + k] ?? 0), 0)),
    );
    expect(found.get('x')).toEqual({ dimensions: [2, 3], values: x });
    expect(found.get('r')).toEqual({ dimensions: [2, 2], values: Float32Array.from(r) });
    expect(found.get('y')).toEqual({ dimensions: [2, 4], values: Float32Array.from(y) });
  });

  test('inputs: noise repeats with its seed, open dimensions have the size asked for', async () => {
    await using model = await OnnxModel.open(twoLayers(), [], 1);
    const feeds = (seed: number) =>
      onnxFeeds(model.inputs, { ...random, seed, sizes: new Map([['batch', 5]]) }, pool, undefined);
    const first = (await feeds(1)).get('x');
    expect(first?.dimensions).toEqual([5, 3]);
    expect(await feeds(1)).toEqual(await feeds(1));
    expect((await feeds(2)).get('x')?.values).not.toEqual(first?.values);
  });

  test('inputs made up are bounded together', async () => {
    const wide = (name: string) => ({ name, type: 'float32' as const, dimensions: [2 ** 24, 'n'] });
    const sizes = new Map([['n', 2 ** 16]]);
    const failing = (inputs: Parameters<typeof onnxFeeds>[0], choice = random) =>
      expect(onnxFeeds(inputs, choice, pool, undefined)).rejects;
    await failing([wide('a')], { ...random, sizes }).toMatchObject({ code: 'SHAPE_INVALID' });
    const given = new Map(['a', 'b', 'c'].map((name) => [name, '0']));
    await failing([wide('a'), wide('b'), wide('c')], { ...random, given }).toThrow(/input c, values for 50331648/);
  });

  test('inputs from a file and from a number', async () => {
    await using model = await OnnxModel.open(twoLayers(), [], 1);
    const file = join(folder, 'x.npy');
    writeFileSync(file, npyBytes({ descr: '<f4', shape: [1, 3], data: Float32Array.of(4, 5, 6) }));
    const given = (text: string) =>
      onnxFeeds(model.inputs, { ...random, given: new Map([['x', text]]) }, pool, undefined);
    expect((await given(file)).get('x')).toEqual({ dimensions: [1, 3], values: Float32Array.of(4, 5, 6) });
    expect((await given('2.5')).get('x')?.values).toEqual(Float64Array.of(2.5, 2.5, 2.5));
  });

  test.each([
    ['an input it does not have', new Map([['z', '1']]), 'USAGE', /no input z; its inputs: x/],
    ['a file that is not there', new Map([['x', join(folder, 'none.npy')]]), 'FILE_NOT_FOUND', /none\.npy/],
  ])('%s', async (_name, given, code, message) => {
    await using model = await OnnxModel.open(twoLayers(), [], 1);
    const failing = onnxFeeds(model.inputs, { ...random, given }, pool, undefined);
    await expect(failing).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });

  test('a wrong shape is named with what the runtime says', async () => {
    await using model = await OnnxModel.open(twoLayers(), [], 1);
    const wrong = new Map([['x', { dimensions: [1, 4], values: new Float32Array(4) }]]);
    await expect(model.run(wrong, ['y'])).rejects.toMatchObject({ code: 'SHAPE_INVALID' });
    await expect(model.run(new Map(), ['y'])).rejects.toThrow(/no value for the input x/);
  });
});

test('integers need a value, half floats travel as they are', async () => {
  const path = join(folder, 'half.onnx');
  const half = Uint16Array.of(0x3c00, 0x4000); // 1, 2
  writeOnnx(path, {
    nodes: [
      { op: 'Gather', inputs: ['x', 'at'], outputs: ['g'], attributes: { axis: Uint8Array.of(0x18, 0, 0xa0, 1, 2) } },
      { op: 'MatMul', inputs: ['g', 'w'], outputs: ['y'] },
    ],
    tensors: [{ name: 'w', type: ONNX.FLOAT16, shape: [2, 1], raw: half }],
    fields: [
      value('x', ONNX.FLOAT16, [3, 2]),
      value('at', ONNX.INT64, [1]),
      bytes(12, [bytes(1, 'y'), bytes(2, [bytes(1, [integer(1, ONNX.FLOAT16)])])]),
    ],
  });
  await using model = await OnnxModel.open(path, ['g'], 1);
  await expect(onnxFeeds(model.inputs, random, pool, undefined)).rejects.toMatchObject({
    code: 'SHAPE_INVALID',
    message: expect.stringMatching(/input at takes int64: give a number or a file/),
  });
  const feeds = new Map([
    ['x', { dimensions: [3, 2], values: Float32Array.of(1, 2, 3, 4, 5, 6) }],
    ['at', { dimensions: [1], values: Float64Array.of(2) }],
  ]);
  const found = await model.run(feeds, ['g', 'y']);
  expect(found.get('g')?.values).toEqual(Float32Array.of(5, 6));
  expect(found.get('y')?.values).toEqual(Float32Array.of(17));
});

const MNIST = sharedData('models/onnx-external-data/rten-onnx/test-data/mnist-external/mnist.onnx');
if (MNIST === null) console.log('skipped: mnist.onnx is not in ../shared/data');

test.skipIf(MNIST === null)('mnist.onnx with external data: what flows into fc gives the logits', async () => {
  const path = MNIST ?? '';
  const { inputs } = await readLinearInputs(path, undefined);
  expect(inputs.map(({ operator, weights }) => [operator, ...weights])).toEqual([
    ['Conv', 'conv1.weight'],
    ['Conv', 'conv2.weight'],
    ['Conv', 'pw.weight'],
    ['Gemm', 'fc.weight'],
  ]);
  await using model = await OnnxModel.open(
    path,
    inputs.map((input) => input.value),
    2,
  );
  const found = await model.run(await onnxFeeds(model.inputs, random, pool, undefined), ['view', 'logits']);
  const checkpoint = await openCheckpoint(path);
  const load = async (name: string): Promise<Float32Array> => {
    const tensor = checkpoint.tensors.find((candidate) => candidate.name === name);
    if (tensor === undefined) throw new Error(name);
    const source = tensorSource(checkpoint, tensor.index);
    return pool.run<Float32Array>('loadValues', { source, wanted: { first: 0, count: tensor.elements } });
  };
  const [weight, bias] = [await load('fc.weight'), await load('fc.bias')];
  const view = found.get('view')?.values ?? new Float32Array();
  const logits = found.get('logits')?.values ?? new Float32Array();
  const width = view.length;
  expect(width).toBe(64);
  for (const [row, logit] of logits.entries()) {
    const sum = view.reduce((total, x, k) => total + x * (weight[row * width + k] ?? 0), bias[row] ?? 0);
    expect(logit).toBeCloseTo(sum, 4);
  }
});
