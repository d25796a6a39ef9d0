// What reaches single experts: how many tokens, and the squares of what their weights multiply.

import type { Tap } from '../model/forward/blockGraph.ts';

const EXPERT = /^(.+)\.(\d+)$/;

/** "down_in.3" → all: "down_in", number 3. */
export function expertOf(tap: string): { all: string; number: number } {
  const [, all = tap, number = '0'] = EXPERT.exec(tap) ?? [];
  return { all, number: Number(number) };
}

export class ExpertRows {
  readonly tap: string;
  /** The tap of all experts together. */
  readonly all: string;
  readonly number: number;
  readonly modules: readonly string[];
  /** True where `all` sees every token, the router's input: these rows are among them. */
  readonly counted: boolean;
  /** Σx² per column. */
  readonly squares: Float64Array;
  #rows: number;

  constructor(tap: string, modules: readonly string[], counted: boolean, squares: Float64Array, rows = 0) {
    const { all, number } = expertOf(tap);
    this.tap = tap;
    this.all = all;
    this.number = number;
    this.modules = modules;
    this.counted = counted;
    this.squares = squares;
    this.#rows = rows;
  }

  get rows(): number {
    return this.#rows;
  }

  /** @param values [rows, columns], any number of rows */
  add(values: Float32Array): void {
    const { squares } = this;
    const columns = squares.length;
    for (let first = 0; first < values.length; first += columns)
      for (let column = 0; column < columns; column++)
        squares[column] = (squares[column] ?? 0) + (values[first + column] ?? 0) ** 2;
    this.#rows += values.length / columns;
  }
}

export function emptyExpert({ name, modules, columns }: Tap, counted: boolean): ExpertRows {
  return new ExpertRows(name, modules, counted, new Float64Array(columns));
}

/** Rows that reached each expert, by its number; empty for dense layers. */
export function hitsOf(experts: readonly ExpertRows[]): number[] {
  const [first] = experts;
  const own = experts.filter(({ all }) => all === first?.all);
  return own.toSorted((a, b) => a.number - b.number).map(({ rows }) => rows);
}
