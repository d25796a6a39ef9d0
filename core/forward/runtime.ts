// onnxruntime-node, loaded when a model is first run: a native module, so never in the extension host.

import type * as Ort from 'onnxruntime-node';
import { QuantscopeError } from '../base/errors.ts';
import { chooseDevice, type Device, deviceChoice } from './device.ts';

export type Tensor = Ort.Tensor;

/** Named inputs of a run; arrays are float32 or int64 by their type. */
export type Feeds = Readonly<Record<string, Tensor>>;

export interface Runtime {
  /** Where sessions run, for people. */
  readonly device: string;
  tensor(data: Float32Array | BigInt64Array, dimensions: readonly number[]): Tensor;
  /** Builds a session of a graph made by graphBuilder.ts. @throws INTERNAL when the runtime refuses it */
  session(graph: Uint8Array): Promise<Session>;
}

export interface Session {
  /** @throws MEMORY_LIMIT when the runtime cannot allocate, INTERNAL for anything else */
  run<Name extends string>(feeds: Feeds, outputs: readonly Name[]): Promise<Readonly<Record<Name, Float32Array>>>;
  release(): Promise<void>;
}

/** @throws RUNTIME_MISSING on platforms without a build of onnxruntime */
export async function loadOnnxRuntime(): Promise<typeof Ort> {
  const ort = await import('onnxruntime-node').catch((error: unknown) => {
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    const missing = /Cannot find (package|module)/.test(reason);
    throw new QuantscopeError(
      'RUNTIME_MISSING',
      missing
        ? `running models needs onnxruntime, which this build of Quantscope lacks: install the one for ${process.platform}-${process.arch}`
        : `onnxruntime cannot be loaded on this machine: ${reason}`,
      { cause: error },
    );
  });
  // Its own log goes to stderr past us; failures are thrown, too.
  ort.env.logLevel = 'fatal';
  // TensorFloat-32 products have 10 bits of mantissa, too few to tell a quantized weight from its original.
  process.env.NVIDIA_TF32_OVERRIDE ??= '0';
  return ort;
}

const devices = new Map<string, Promise<Device>>();

/** Tried once per process. @throws USAGE for a choice that does not exist */
function deviceOf(ort: typeof Ort, threads: number): Promise<Device> {
  const choice = deviceChoice();
  const key = `${choice} ${threads}`;
  const device = devices.get(key) ?? chooseDevice(ort, choice, threads);
  devices.set(key, device);
  return device;
}

/** @throws RUNTIME_MISSING; USAGE for a `QUANTSCOPE_DEVICE` that does not exist */
export async function loadRuntime(threads: number): Promise<Runtime> {
  const ort = await loadOnnxRuntime();
  const { provider, text } = await deviceOf(ort, threads);
  return {
    device: text,
    tensor: (data, dimensions) =>
      data instanceof Float32Array
        ? new ort.Tensor('float32', data, dimensions)
        : new ort.Tensor('int64', data, dimensions),
    async session(graph) {
      const session = await ort.InferenceSession.create(graph, {
        executionProviders: provider === 'cpu' ? ['cpu'] : [provider, 'cpu'],
        intraOpNumThreads: threads,
        interOpNumThreads: 1,
        graphOptimizationLevel: 'all',
        logSeverityLevel: 4,
      }).catch(refused);
      return {
        async run<Name extends string>(feeds: Feeds, outputs: readonly Name[]) {
          const results = await session.run(feeds, [...outputs]).catch(refused);
          const found: Partial<Record<Name, Float32Array>> = {};
          for (const output of outputs) {
            const data = results[output]?.data;
            if (!(data instanceof Float32Array)) throw new QuantscopeError('INTERNAL', `the graph gave no ${output}`);
            found[output] = data;
          }
          return found as Record<Name, Float32Array>; // every name was set a line above
        },
        release: () => session.release(),
      };
    },
  };
}

export function refused(error: unknown): never {
  const message = error instanceof Error ? error.message : String(error);
  const memory = /alloc|out of memory|bad_alloc/i.test(message);
  throw new QuantscopeError(memory ? 'MEMORY_LIMIT' : 'INTERNAL', `onnxruntime: ${message.slice(0, 300)}`, {
    cause: error,
  });
}
