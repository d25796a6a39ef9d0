// What was measured of a model, kept row by row in docs/results/ID.ndjson: a bench that was stopped goes on where it was.

import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Subject } from './qualitySubjects.ts';

export interface Evaluation {
  readonly perplexity: number;
  readonly error: number;
  readonly tokens: number;
  readonly topAgreement: number;
  readonly divergence: { readonly mean: number; readonly error: number; readonly p999: number };
}

/** A plan everyone knows, as two files: quantized plainly, and with the importance matrix. */
export interface KnownFile {
  readonly name: string;
  readonly kind: 'uniform' | 'mix';
  /** Of the plain file, and of the one with the matrix, which names it. */
  readonly bytes: number;
  readonly weightedBytes: number;
  readonly plain: Evaluation;
  readonly weighted: Evaluation;
}

export interface OwnFile extends Evaluation {
  readonly budget: number;
  readonly bytes: number;
  /** Which of the plans that were tried is written. */
  readonly written: string;
}

/** A budget no plan fits into. */
export interface Infeasible {
  readonly budget: number;
  readonly infeasible: string;
}

/** What the rows depend on, and what the page says of them. */
export interface RecordHead
  extends Pick<Subject, 'name' | 'texts' | 'context' | 'sequences' | 'measured' | 'score' | 'choices' | 'targets'> {
  readonly parameters: number;
  /** Of the smallest file, and what in it no plan can change. */
  readonly smallest: { readonly bytes: number; readonly fixedBytes: number; readonly why: string };
  /** True where llama.cpp's own quantizer was not installed. */
  readonly mixesByRules: boolean;
}

export interface QualityTables extends RecordHead {
  readonly known: readonly KnownFile[];
  readonly own: readonly (OwnFile | Infeasible)[];
}

/** A line of the file: the head first, then a row each. */
type Line = { readonly head: RecordHead } | { readonly known: KnownFile } | { readonly own: OwnFile | Infeasible };

export class QualityRecord {
  readonly #path: string;
  #tables: QualityTables;

  private constructor(path: string, tables: QualityTables) {
    this.#path = path;
    this.#tables = tables;
  }

  /** Rows measured under the same head are kept. @param fresh measures them again */
  static open(path: string, head: RecordHead, fresh: boolean): QualityRecord {
    const kept = !fresh && existsSync(path) ? readTables(path) : null;
    const { known, own, ...before } = kept ?? { known: [], own: [] };
    const isSame = isDeepStrictEqual(before, head);
    if (kept !== null && !isSame) process.stderr.write(`${path}: measured under other settings, begun anew\n`);
    const rows: Line[] = isSame
      ? [...known.map((file) => ({ known: file })), ...own.map((file) => ({ own: file }))]
      : [];
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, [{ head }, ...rows].map(textOf).join(''));
    return new QualityRecord(path, readTables(path));
  }

  get tables(): QualityTables {
    return this.#tables;
  }

  add(row: Exclude<Line, { head: RecordHead }>): void {
    appendFileSync(this.#path, textOf(row));
    this.#tables = readTables(this.#path);
  }
}

function textOf(line: Line): string {
  return `${JSON.stringify(line)}\n`;
}

/** Rows by size. A last line that a stop cut short counts as none. @throws Error for files without a head */
export function readTables(path: string): QualityTables {
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  const [first, ...rows] = lines.map((line) => JSON.parse(line) as Line);
  if (first === undefined || !('head' in first)) throw new Error(`${path}: no head`);
  const known = rows.flatMap((row) => ('known' in row ? [row.known] : []));
  const own = rows.flatMap((row) => ('own' in row ? [row.own] : []));
  return {
    ...first.head,
    known: known.toSorted((a, b) => a.bytes - b.bytes),
    own: own.toSorted((a, b) => a.budget - b.budget),
  };
}
