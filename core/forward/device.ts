// Which processor runs a model: the CPU, or a provider of onnxruntime that this machine really has.

import type * as Ort from 'onnxruntime-node';
import { QuantscopeError } from '../base/errors.ts';
import { GraphBuilder } from '../model/graph/graphBuilder.ts';

export const DEVICE_CHOICES = ['auto', 'cpu', 'cuda', 'webgpu', 'dml', 'coreml'] as const;
export type DeviceChoice = (typeof DEVICE_CHOICES)[number];
export type Provider = Exclude<DeviceChoice, 'auto'>;

const NAMES: Readonly<Record<Provider, string>> = {
  cpu: 'CPU',
  cuda: 'CUDA',
  webgpu: 'WebGPU',
  dml: 'DirectML',
  coreml: 'CoreML',
};
/**
 * Tried by `auto`, in this order. Not WebGPU, which runs on software adapters too, and not CoreML, which may compute in
 * half precision: both are there for those who ask.
 */
const AUTOMATIC: readonly Provider[] = ['cuda', 'dml'];

export interface Device {
  readonly provider: Provider;
  /** For people: "CUDA", "CPU, 8 threads (CUDA not available: …)". */
  readonly text: string;
}

/** `QUANTSCOPE_DEVICE`, which the editor's setting fills; `auto` without. @throws USAGE for anything else */
export function deviceChoice(environment: NodeJS.ProcessEnv = process.env): DeviceChoice {
  const wanted = environment.QUANTSCOPE_DEVICE || 'auto';
  const choice = DEVICE_CHOICES.find((name) => name === wanted.toLowerCase());
  if (choice !== undefined) return choice;
  const known = DEVICE_CHOICES.join(', ');
  throw new QuantscopeError('USAGE', `QUANTSCOPE_DEVICE is one of ${known}, not "${wanted.slice(0, 40)}"`);
}

/** What choosing needs of the runtime. */
export type Backends = Pick<typeof Ort, 'listSupportedBackends' | 'InferenceSession' | 'Tensor'>;

/** Tries a provider by running a graph on it: drivers are found missing only then. Falls back to the CPU, and says so. */
export async function chooseDevice(ort: Backends, choice: DeviceChoice, threads: number): Promise<Device> {
  const cpu = `CPU, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
  if (choice === 'auto') {
    for (const provider of AUTOMATIC)
      if ((await failureOf(ort, provider)) === null) return { provider, text: NAMES[provider] };
    return { provider: 'cpu', text: cpu };
  }
  if (choice === 'cpu') return { provider: 'cpu', text: cpu };
  const failure = await failureOf(ort, choice);
  if (failure === null) return { provider: choice, text: NAMES[choice] };
  return { provider: 'cpu', text: `${cpu} (${NAMES[choice]} not available: ${failure})` };
}

/** Why a provider cannot be used here; null when it ran. */
async function failureOf(ort: Backends, provider: Provider): Promise<string | null> {
  if (!ort.listSupportedBackends().some(({ name }) => name === provider))
    return 'this build of onnxruntime does not have it';
  const graph = new GraphBuilder('probe');
  const x = graph.input('x', 'float32', [1]);
  graph.output('y', graph.op('Add', [x, x]), [1]);
  try {
    const session = await ort.InferenceSession.create(graph.build(), {
      executionProviders: [provider],
      logSeverityLevel: 4,
    });
    const { y } = await session.run({ x: new ort.Tensor('float32', Float32Array.of(2), [1]) });
    await session.release();
    return y?.data[0] === 4 ? null : 'it computes wrong numbers';
  } catch (error) {
    return reasonOf(error);
  }
}

/** The sentence at the end of a native error, without the source file it begins with. */
function reasonOf(error: unknown): string {
  const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
  const sentence = line.includes(' was false. ') ? (line.split(' was false. ').at(-1) ?? line) : line;
  return sentence.replace(/^OrtSessionOptions\w+: /, '').slice(0, 160);
}
