// WASM exports of the kQuant kernels.

export type KQuantExports = {};
