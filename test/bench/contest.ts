// One kernel on the GPU against its WASM version on one thread: the same input, copies to and from either included.

import type { Gpu } from '../../core/kernels/gpu/device.ts';
import type { BenchRow } from './benchRow.ts';

export interface Contest<Result> {
  readonly name: string;
  /** What one turn does, in millions of `unit` without its "/s". */
  readonly millions: number;
  readonly unit: string;
  /** What is demanded of the results: speed is none of it where nobody knows the card. */
  readonly aim: string;
  onGpu(): Promise<Result>;
  onWasm(): Result;
  agree(gpu: Result, wasm: Result): boolean;
}

const TURNS = 5;

export async function measure<Result>(gpu: Gpu, contest: Contest<Result>): Promise<BenchRow> {
  await contest.onGpu(); // compiles
  const onGpu = await best(() => contest.onGpu());
  const onWasm = await best(() => contest.onWasm());
  const { name, software } = gpu.facts;
  const ratio = `${(onWasm.ms / onGpu.ms).toFixed(2)} × WASM on one thread`;
  return {
    name: `GPU ${contest.name}`,
    value: contest.millions / (onGpu.ms / 1e3),
    unit: contest.unit,
    aim: contest.aim,
    pass: contest.agree(onGpu.result, onWasm.result),
    note: `${name}, ${ratio}${software ? ': a software adapter, which says nothing of GPUs' : ''}`,
  };
}

async function best<Result>(turn: () => Result | Promise<Result>): Promise<{ result: Result; ms: number }> {
  let fastest = Number.POSITIVE_INFINITY;
  for (let i = 1; ; i++) {
    const began = performance.now();
    const result = await turn();
    fastest = Math.min(fastest, performance.now() - began);
    if (i === TURNS) return { result, ms: fastest };
  }
}
