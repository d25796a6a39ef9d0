// WASM exports of the convert kernels.

export type ConvertExports = {};
