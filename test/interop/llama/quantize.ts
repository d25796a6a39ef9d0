// llama.cpp's own `llama_model_quantize` (what llama-quantize calls), through koffi from node-llama-cpp's library.

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('../node_modules/@node-llama-cpp/linux-x64/bins/linux-x64/', import.meta.url));

/** Byte offsets in `struct llama_model_quantize_params` (llama.h). */
const NTHREAD = 0;
const FTYPE = 4;
const ALLOW_REQUANTIZE = 16;
const PURE = 19;
/** More than the struct has; the library writes only its own part of what it is handed. */
const PARAMS_BYTES = 256;

export type LlamaQuantize = (input: string, output: string, fileType: number, pure: boolean) => void;

/** @returns null where test/interop is not installed for this platform */
export function loadLlamaQuantize(): LlamaQuantize | null {
  const require = createRequire(new URL('../package.json', import.meta.url));
  const path = ['libllama.v0.5.0.so', 'libllama.so'].map((name) => join(FOLDER, name)).find((file) => existsSync(file));
  if (path === undefined) {
    console.log('skipped: llama_model_quantize to compare with is not installed (npm ci in test/interop)');
    return null;
  }
  const koffi = require('koffi');
  const library = koffi.load(path);
  koffi.struct('llama_model_quantize_params', { bytes: koffi.array('uint8_t', PARAMS_BYTES) });
  const defaults = library.func('llama_model_quantize_params llama_model_quantize_default_params()');
  const quantize = library.func(
    'uint32_t llama_model_quantize(const char *input, const char *output, llama_model_quantize_params *params)',
  );
  return (input, output, fileType, pure) => {
    const { bytes } = defaults() as { bytes: Uint8Array };
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    view.setInt32(NTHREAD, 1, true);
    view.setInt32(FTYPE, fileType, true);
    view.setUint8(ALLOW_REQUANTIZE, 1);
    view.setUint8(PURE, pure ? 1 : 0);
    const status = Number(quantize(input, output, { bytes }));
    if (status !== 0) throw new Error(`llama_model_quantize answered ${status}`);
  };
}
