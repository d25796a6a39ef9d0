// Which rows of a tensor are read: all, or evenly spaced whole rows. Deterministic, so that a scan can be repeated.

import { type DType, dtypeInfo } from '../tensor/dtype.ts';

export interface RowSample {
  /** Rows read together: 1, or as many as fill whole storage blocks where a row alone does not. */
  readonly groupRows: number;
  /** Groups read, of `groups`; the k-th is group ⌊k · groups / taken⌋. */
  readonly taken: number;
  readonly groups: number;
}

export function sampleRows(dtype: DType, rows: number, columns: number, maxElements: number): RowSample {
  const info = dtypeInfo(dtype);
  const blockElements = info.kind === 'packed' ? 1 : info.blockElements; // codes are decoded one by one
  const groupRows = Math.min(rows, blockElements / gcd(columns, blockElements));
  const groups = Math.ceil(rows / groupRows);
  const wanted = Math.floor(maxElements / (groupRows * columns));
  return { groupRows, groups, taken: Math.min(groups, Math.max(1, wanted)) };
}

export function sampledGroup({ groups, taken }: RowSample, k: number): number {
  return Math.floor((k * groups) / taken);
}

function gcd(a: number, b: number): number {
  let [x, y] = [a, b];
  while (y !== 0) [x, y] = [y, x % y];
  return x;
}
