// WASM exports of the legacyQuant kernels.

export type LegacyQuantExports = {};
