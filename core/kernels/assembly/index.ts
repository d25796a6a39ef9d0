// Entry point of the WASM module: one line per kernel file.

export { encodeBF16, encodeF16, encodeF32 } from './encodeFloat';
export { quantizeQ8_0, roundQ4_0, roundQ4_1, roundQ5_0, roundQ5_1 } from './roundQuants';

/** First byte after static data; everything from here on belongs to the host's arena. */
export function heapBase(): usize {
  return __heap_base;
}
