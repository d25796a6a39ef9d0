// WASM exports of GPTQ's kernels; layouts are described beside the code in assembly/.

export type GptqExports = {
  affineGrids(
    src: number,
    groups: number,
    size: number,
    bits: number,
    symmetric: boolean,
    search: boolean,
    scales: number,
    zeros: number,
  ): void;
  /** Steps are bytes; those of a and b may be negative. */
  subtractProduct(
    c: number,
    cStep: number,
    rows: number,
    columns: number,
    a: number,
    b: number,
    aStep: number,
    bStep: number,
    depth: number,
    packed: number,
  ): void;
  /** Returns the row whose pivot is not positive, or −1. */
  choleskyPanel(panel: number, step: number, first: number, rows: number): number;
  gptqColumns(
    w: number,
    given: number,
    lost: number,
    codes: number,
    rows: number,
    columns: number,
    factor: number,
    factorStep: number,
    grids: number,
    scales: number,
    zeros: number,
    bits: number,
  ): void;
  rowsOfColumns(from: number, rows: number, columns: number, to: number): void;
};
