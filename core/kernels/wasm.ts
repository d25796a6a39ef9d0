// Loads the WASM SIMD kernels: one instance per thread, one arena of scratch memory in it.

import { kernelBytes } from '../io/productFile.ts';
import { Arena } from './arena.ts';
import type { KernelExports } from './exports.ts';

/** One thread's kernels. Pointers are byte offsets into `arena`'s memory. */
export interface Kernels {
  readonly run: KernelExports;
  readonly arena: Arena;
}

let compiled: Promise<WebAssembly.Module> | undefined;

export async function loadKernels(): Promise<Kernels> {
  compiled ??= WebAssembly.compile(kernelBytes());
  const instance = await WebAssembly.instantiate(await compiled, {
    env: {
      abort: () => {
        throw new Error('kernel aborted');
      },
    },
  });
  const run = instance.exports as unknown as KernelExports; // the build's own module; its types are exports.ts
  return { run, arena: new Arena(run.memory, run.heapBase()) };
}
