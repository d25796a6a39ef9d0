// WASM exports of the statistics kernels.

export type StatisticsExports = {};
