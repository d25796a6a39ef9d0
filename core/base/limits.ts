// Named limits, each with its reason. Errors quote them as facts.

/** safetensors specification: headers above 100 MB are refused. */
export const MAX_SAFETENSORS_HEADER_BYTES = 100_000_000;
/** Scratch of one worker thread; two workers and the host stay under the 512 MB the engine may keep resident. */
export const MAX_ARENA_BYTES = 160 * 1024 * 1024;
