// llama.cpp's own evaluation of a text, as its `perplexity` runs it: whole sequences in one batch, logits of the second
// half. Through koffi from node-llama-cpp's library; by hand: node test/interop/llama/decode.ts MODEL.gguf

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('../node_modules/@node-llama-cpp/linux-x64/bins/linux-x64/', import.meta.url));
const VERSION = 'v0.5.0';

/** Byte offsets in `struct llama_context_params` (llama.h). */
const N_CTX = 0;
const N_BATCH = 4;
const N_UBATCH = 8;
const N_OUTPUTS_MAX = 20;
const N_OUTPUTS_MAX_PER_SEQUENCE = 24;
const N_THREADS = 28;
const N_THREADS_BATCH = 32;
const TYPE_K = 104;
const TYPE_V = 108;
const GGML_TYPE_F32 = 0;
/** Defaults of this version: the layout is as believed when they are found in place. */
const DEFAULTS = [
  [N_CTX, 512],
  [N_BATCH, 2048],
  [N_UBATCH, 512],
  [N_THREADS, 4],
  [TYPE_K, 1],
  [TYPE_V, 1],
] as const;
/** More than either struct has; passed on the stack, of which the library reads its own part. */
const PARAMS_BYTES = 512;

/** @returns seconds that evaluating the sequences took, model and context loaded before */
export type LlamaDecode = (model: string, sequences: readonly Uint32Array[], threads: number) => number;

/** @returns null where test/interop is not installed for this platform */
export function loadLlamaDecode(): LlamaDecode | null {
  const require = createRequire(new URL('../package.json', import.meta.url));
  if (!existsSync(join(FOLDER, `libllama.${VERSION}.so`))) {
    console.log('skipped: llama.cpp to compare with is not installed (npm install in test/interop)');
    return null;
  }
  const koffi = require('koffi');
  const ggml = koffi.load(join(FOLDER, `libggml.${VERSION}.so`));
  ggml.func('void ggml_backend_load_all_from_path(const char *path)')(FOLDER);
  const llama = koffi.load(join(FOLDER, `libllama.${VERSION}.so`));
  const quiet = koffi.proto('void llama_log(int level, const char *text, void *data)');
  llama.func('void llama_log_set(llama_log *log, void *data)')(
    koffi.register(() => {}, koffi.pointer(quiet)),
    null,
  );
  koffi.struct('llama_params', { bytes: koffi.array('uint8_t', PARAMS_BYTES) });
  koffi.struct('llama_batch', {
    n_tokens: 'int32_t',
    token: 'int32_t *',
    embd: 'void *',
    pos: 'int32_t *',
    n_seq_id: 'int32_t *',
    seq_id: 'int32_t **',
    logits: 'int8_t *',
  });
  const modelDefaults = llama.func('llama_params llama_model_default_params()');
  const contextDefaults = llama.func('llama_params llama_context_default_params()');
  const loadModel = llama.func('void *llama_model_load_from_file(const char *path, llama_params params)');
  const initContext = llama.func('void *llama_init_from_model(void *model, llama_params params)');
  const decode = llama.func('int32_t llama_decode(void *context, llama_batch batch)');
  const memoryOf = llama.func('void *llama_get_memory(void *context)');
  const clearMemory = llama.func('void llama_memory_clear(void *memory, bool data)');
  const synchronize = llama.func('void llama_synchronize(void *context)');
  const freeContext = llama.func('void llama_free(void *context)');
  const freeModel = llama.func('void llama_model_free(void *model)');

  return (path, sequences, threads) => {
    const tokens = sequences[0]?.length ?? 0;
    const params = contextDefaults() as { bytes: Uint8Array };
    const view = new DataView(params.bytes.buffer, params.bytes.byteOffset);
    for (const [at, value] of DEFAULTS)
      if (view.getUint32(at, true) !== value) throw new Error('llama_context_params is laid out in another way');
    for (const at of [TYPE_K, TYPE_V]) view.setUint32(at, GGML_TYPE_F32, true);
    for (const at of [N_CTX, N_BATCH, N_UBATCH, N_OUTPUTS_MAX, N_OUTPUTS_MAX_PER_SEQUENCE])
      view.setUint32(at, tokens, true);
    for (const at of [N_THREADS, N_THREADS_BATCH]) view.setInt32(at, threads, true);
    const model = loadModel(path, modelDefaults());
    if (model === null) throw new Error(`llama.cpp cannot load ${path}`);
    const context = initContext(model, params);
    const pos = Int32Array.from({ length: tokens }, (_, at) => at);
    const one = new Int32Array(tokens).fill(1);
    const sequenceIds = Array.from({ length: tokens }, () => Int32Array.of(0));
    const logits = Int8Array.from(pos, (at) => (at >= tokens / 2 ? 1 : 0));
    const run = (ids: Uint32Array): void => {
      clearMemory(memoryOf(context), true);
      const token = Int32Array.from(ids);
      const batch = { n_tokens: tokens, token, embd: null, pos, n_seq_id: one, seq_id: sequenceIds, logits };
      const status = decode(context, batch);
      if (status !== 0) throw new Error(`llama_decode answered ${status}`);
      synchronize(context);
    };
    const [first] = sequences;
    if (first !== undefined) run(first); // its graph is planned and its memory touched
    const began = performance.now();
    for (const sequence of sequences) run(sequence);
    const seconds = (performance.now() - began) / 1000;
    freeContext(context);
    freeModel(model);
    return seconds;
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const random = (_: unknown, i: number): number => (i * 137 + 5) % 1000;
  const sequences = Array.from({ length: 4 }, () => Uint32Array.from({ length: 256 }, random));
  console.log(loadLlamaDecode()?.(process.argv[2] ?? '', sequences, 2));
}
