// Loads a GGUF in real llama.cpp (node-llama-cpp, CPU), tokenizes texts and continues a prompt greedily.
// By hand: node test/interop/llama/generate.ts MODEL.gguf "Once upon a time"

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

/** The part of node-llama-cpp used here; the package is installed apart from the product, so its types are not known to it. */
interface NodeLlamaCpp {
  getLlama(options: Readonly<Record<string, unknown>>): Promise<Llama>;
  LlamaCompletion: new (options: { contextSequence: unknown }) => Completion;
}
interface Llama {
  loadModel(options: { modelPath: string }): Promise<LlamaModel>;
  dispose(): Promise<void>;
}
interface LlamaModel {
  tokenize(text: string, specialTokens?: boolean): number[];
  createContext(options: Readonly<Record<string, unknown>>): Promise<{ getSequence(): Sequence }>;
  readonly fileInfo: { readonly metadata: Readonly<Record<string, unknown>> };
  readonly fileInsights: { readonly totalLayers: number };
  dispose(): Promise<void>;
}
interface Sequence {
  clearHistory(): Promise<void>;
  controlledEvaluate(
    input: readonly (readonly [number, { generateNext: { probabilities: true } }])[],
  ): Promise<readonly ({ next: { probabilities?: ReadonlyMap<number, number> } } | undefined)[]>;
}
interface Completion {
  generateCompletion(prompt: string, options: Readonly<Record<string, unknown>>): Promise<string>;
}

export interface Generated {
  /** Mean of −ln p(next token) over `passage`, nats; NaN without one. */
  readonly meanNll: number;
  readonly text: string;
  /** Ids of each text, in order, without begin or end tokens. */
  readonly tokens: readonly (readonly number[])[];
}

/** Where node-llama-cpp is, or null (after printing why) where test/interop is not installed. */
export function llamaModule(): string | null {
  const require = createRequire(new URL('../package.json', import.meta.url));
  try {
    const path = require.resolve('node-llama-cpp');
    if (existsSync(path)) return pathToFileURL(path).href;
  } catch {
    // told below
  }
  console.log('skipped: llama.cpp to load exports with is not installed (npm ci in test/interop)');
  return null;
}

/** @param passage a text whose tokens are predicted one from another, at most 250 tokens; '' for none */
export async function generate(
  model: string,
  prompt: string,
  texts: readonly string[],
  { maxTokens = 24, passage = '' } = {},
): Promise<Generated> {
  const { llama, LlamaCompletion } = await startLlama();
  try {
    const loaded = await llama.loadModel({ modelPath: model });
    // Names of special tokens are read as such, as the tokenizers library does.
    const tokens = texts.map((text) => loaded.tokenize(text, true));
    const context = await loaded.createContext({ contextSize: 256, sequences: 2, threads: 2 });
    const meanNll = await negativeLogLikelihood(context.getSequence(), loaded.tokenize(passage));
    const completion = new LlamaCompletion({ contextSequence: context.getSequence() });
    const text = await completion.generateCompletion(prompt, { maxTokens, temperature: 0 });
    return { text, tokens, meanNll };
  } finally {
    await llama.dispose();
  }
}

/**
 * Mean −ln p per token of every passage, per model: rows in the models' order, nats.
 * @param passages at most 250 tokens each
 */
export async function passageLosses(models: readonly string[], passages: readonly string[]): Promise<number[][]> {
  const { llama } = await startLlama();
  const losses: number[][] = [];
  try {
    for (const modelPath of models) {
      const loaded = await llama.loadModel({ modelPath });
      const context = await loaded.createContext({ contextSize: 256, sequences: 1, threads: 2 });
      const sequence = context.getSequence();
      const row: number[] = [];
      for (const passage of passages) {
        await sequence.clearHistory();
        row.push(await negativeLogLikelihood(sequence, loaded.tokenize(passage).slice(0, 250)));
      }
      losses.push(row);
      await loaded.dispose();
    }
  } finally {
    await llama.dispose();
  }
  return losses;
}

/** p(every token of the vocabulary | those before and including) for every token of a sequence: [tokens][vocabulary]. */
export async function nextProbabilities(model: string, tokens: readonly number[]): Promise<Float64Array[]> {
  const { llama } = await startLlama();
  try {
    const loaded = await llama.loadModel({ modelPath: model });
    const exact = { flashAttention: false, experimentalKvCacheKeyType: 'F32', experimentalKvCacheValueType: 'F32' };
    const context = await loaded.createContext({ contextSize: 256, sequences: 1, threads: 2, ...exact });
    const input = tokens.map((token) => [token, { generateNext: { probabilities: true } }] as const);
    const outputs = await context.getSequence().controlledEvaluate(input);
    return outputs.map((output) => {
      const found = output?.next.probabilities ?? new Map<number, number>();
      return Float64Array.from({ length: found.size }, (_, token) => found.get(token) ?? Number.NaN);
    });
  } finally {
    await llama.dispose();
  }
}

async function startLlama(): Promise<{ llama: Llama; LlamaCompletion: NodeLlamaCpp['LlamaCompletion'] }> {
  const path = llamaModule();
  if (path === null) throw new Error('node-llama-cpp is not installed');
  const { getLlama, LlamaCompletion } = (await import(path)) as NodeLlamaCpp;
  const options = { build: 'never', gpu: false, skipDownload: true, logLevel: 'error', progressLogs: false };
  return { llama: await getLlama(options), LlamaCompletion };
}

async function negativeLogLikelihood(sequence: Sequence, tokens: readonly number[]): Promise<number> {
  const input = tokens.map((token) => [token, { generateNext: { probabilities: true } }] as const);
  const outputs = input.length === 0 ? [] : await sequence.controlledEvaluate(input);
  const losses = tokens.slice(1).map((token, at) => -Math.log(outputs[at]?.next.probabilities?.get(token) ?? 0));
  return losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [, , model = '', prompt = 'Once upon a time', passage = ''] = process.argv;
  console.log(await generate(model, prompt, [], { passage }));
}
