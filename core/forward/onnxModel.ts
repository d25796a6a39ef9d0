// An ONNX model run as it is, with values inside its graph handed out too.

import { dirname } from 'node:path';
import type * as Ort from 'onnxruntime-node';
import { throwIfCancelled } from '../base/cancellation.ts';
import { QuantscopeError } from '../base/errors.ts';
import { openByteSource } from '../io/byteSource.ts';
import { decodeHalf, encodeHalf } from '../kernels/reference/half.ts';
import { MessageWriter } from '../model/graph/protobufWriter.ts';
import { loadOnnxRuntime, refused } from './runtime.ts';

/** Messages of protocol buffers cannot be larger (protobuf.dev, "Total size of the message"). */
const MAX_MODEL_BYTES = 2 ** 31 - 1;

export interface OnnxInput {
  readonly name: string;
  /** "float32", "int64", … */
  readonly type: Ort.Tensor.Type;
  /** A name, or '' for a nameless one, where only the run tells. */
  readonly dimensions: readonly (number | string)[];
}

/** Numbers for one input; integers are exact up to 2^53. */
export interface OnnxFeed {
  readonly dimensions: readonly number[];
  readonly values: Float32Array | Float64Array;
}

export interface OnnxValue {
  readonly dimensions: readonly number[];
  readonly values: Float32Array;
}

export class OnnxModel {
  readonly inputs: readonly OnnxInput[];
  readonly #ort: typeof Ort;
  readonly #session: Ort.InferenceSession;
  readonly #name: string;

  /**
   * @param path of the model; external data lies in its folder
   * @param values inside the main graph that a run gives
   * @throws RUNTIME_MISSING, MEMORY_LIMIT, COUNT_LIMIT above 2 GiB, UNSUPPORTED_ARCHITECTURE when the runtime refuses it
   */
  static async open(
    path: string,
    values: readonly string[],
    threads: number,
    signal?: AbortSignal,
  ): Promise<OnnxModel> {
    await using source = await openByteSource(path, signal);
    const outputs = extraOutputs(values);
    const length = source.sizeBytes + outputs.length;
    if (length > MAX_MODEL_BYTES)
      throw new QuantscopeError(
        'MEMORY_LIMIT',
        `${source.name}: ${length} bytes in one message, limit ${MAX_MODEL_BYTES}`,
      );
    const bytes = new Uint8Array(length);
    bytes.set(await source.read(0, source.sizeBytes));
    bytes.set(outputs, source.sizeBytes);
    throwIfCancelled(signal, `opening ${source.name}`);
    const ort = await loadOnnxRuntime();
    const session = await ort.InferenceSession.create(bytes, {
      executionProviders: ['cpu'],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      logSeverityLevel: 4,
      extra: { session: { model_external_initializers_file_folder_path: dirname(path) } },
    }).catch((error: unknown) => cannotRun(source.name, error));
    return new OnnxModel(ort, session, source.name);
  }

  private constructor(ort: typeof Ort, session: Ort.InferenceSession, name: string) {
    this.#ort = ort;
    this.#session = session;
    this.#name = name;
    this.inputs = session.inputMetadata.map((input) => {
      if (!input.isTensor)
        throw new QuantscopeError('UNSUPPORTED_ARCHITECTURE', `${name}: the input ${input.name} is not a tensor`);
      return { name: input.name, type: input.type, dimensions: input.shape };
    });
  }

  /**
   * @param feeds by input name
   * @param outputs values named when the model was opened, or outputs of its own
   * @returns those that hold floats
   * @throws SHAPE_INVALID when the model refuses the inputs, MEMORY_LIMIT
   */
  async run(feeds: ReadonlyMap<string, OnnxFeed>, outputs: readonly string[]): Promise<Map<string, OnnxValue>> {
    const tensors: Record<string, Ort.Tensor> = Object.create(null);
    for (const { name, type } of this.inputs) {
      const feed = feeds.get(name);
      if (feed === undefined)
        throw new QuantscopeError('SHAPE_INVALID', `${this.#name}: no value for the input ${name}`);
      tensors[name] = this.#tensor(name, type, feed);
    }
    const results = await this.#session
      .run(tensors, [...outputs])
      .catch((error: unknown) => wrongInput(this.#name, error));
    const found = new Map<string, OnnxValue>();
    for (const [name, tensor] of [...Object.entries(tensors), ...Object.entries(results)]) {
      if (!outputs.includes(name)) continue;
      const values = floatsOf(tensor);
      if (values !== null) found.set(name, { dimensions: tensor.dims, values });
    }
    return found;
  }

  #tensor(name: string, type: Ort.Tensor.Type, { dimensions, values }: OnnxFeed): Ort.Tensor {
    if (type !== 'float16') return new this.#ort.Tensor(type, elementsOf(values, type, name), dimensions);
    // Half floats go in as bits under their name: the runtime turns them into a Float16Array where there is one
    // (Node 24), and then takes its length for 0 (onnxruntime 32323).
    const bits = new this.#ort.Tensor('uint16', Uint16Array.from(values, encodeHalf), dimensions);
    return Object.assign(bits, { type });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session.release();
  }
}

/**
 * A second `graph` field with nothing but outputs: repeated fields of an embedded message that appears twice are joined
 * (protobuf.dev, "Last One Wins"), so the model itself need not be rewritten. Their types are inferred.
 */
function extraOutputs(values: readonly string[]): Uint8Array {
  const graph = new MessageWriter();
  for (const value of values) graph.message(12, new MessageWriter().text(1, value));
  return new MessageWriter().message(7, graph).finish();
}

type Elements = Float32Array | Float64Array | BigInt64Array | BigUint64Array | Int32Array | Uint8Array | Int8Array;

function elementsOf(values: Float32Array | Float64Array, type: Ort.Tensor.Type, name: string): Elements {
  switch (type) {
    case 'float32':
      return Float32Array.from(values);
    case 'float64':
      return Float64Array.from(values);
    case 'int64':
      return BigInt64Array.from(values, (value) => BigInt(Math.trunc(value)));
    case 'uint64':
      return BigUint64Array.from(values, (value) => BigInt(Math.trunc(value)));
    case 'int32':
      return Int32Array.from(values);
    case 'int8':
      return Int8Array.from(values);
    case 'uint8':
    case 'bool':
      return Uint8Array.from(values);
    default:
      throw new QuantscopeError('SHAPE_INVALID', `the input ${name} takes ${type}, which no file or number gives`);
  }
}

function floatsOf({ data, type }: Ort.Tensor): Float32Array | null {
  if (type !== 'float32' && type !== 'float64' && type !== 'float16') return null;
  if (data instanceof Float32Array) return data;
  if (data instanceof Float64Array) return Float32Array.from(data);
  // Half floats: their bits, or an array of its own kind where the platform has one (Node 24).
  if (data instanceof Uint16Array) return Float32Array.from(data, decodeHalf);
  return type === 'float16' ? Float32Array.from(data as ArrayLike<number>) : null;
}

function cannotRun(name: string, error: unknown): never {
  const message = error instanceof Error ? error.message : String(error);
  if (/alloc|memory/i.test(message)) refused(error);
  throw new QuantscopeError(
    'UNSUPPORTED_ARCHITECTURE',
    `${name}: onnxruntime cannot run it: ${message.slice(0, 300)}`,
    {
      cause: error,
    },
  );
}

function wrongInput(name: string, error: unknown): never {
  const message = error instanceof Error ? error.message : String(error);
  if (/alloc|memory/i.test(message)) refused(error);
  throw new QuantscopeError('SHAPE_INVALID', `${name}: onnxruntime: ${message.slice(0, 300)}`, { cause: error });
}
