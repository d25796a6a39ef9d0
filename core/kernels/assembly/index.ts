// Entry point of the WASM module: one line per kernel file.

/** First byte after static data; everything from here on belongs to the host's arena. */
export function heapBase(): usize {
  return __heap_base;
}
