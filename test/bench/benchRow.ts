// One line of the benchmark table.

export interface BenchRow {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** The number the project aims at, as text: "< 300", "≥ 0.5". */
  readonly aim?: string;
  readonly pass?: boolean;
  readonly note?: string;
}
