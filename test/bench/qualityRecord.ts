// What was measured of a model, kept row by row as docs/results/ID.json: a bench that was stopped goes on where it was.

import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
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
  /** Of the plain file. */
  readonly bytes: number;
  readonly plain: Evaluation;
  readonly weighted: Evaluation;
}

export interface OwnFile extends Evaluation {
  readonly budget: number;
  readonly bytes: number;
  /** With the importance matrix. */
  readonly weighted: boolean;
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
    if (kept !== null) {
      const { known, own, ...before } = kept;
      if (isDeepStrictEqual(before, head)) return new QualityRecord(path, kept);
      process.stderr.write(`${path}: measured under other settings, begun anew\n`);
    }
    return new QualityRecord(path, { ...head, known: [], own: [] });
  }

  get tables(): QualityTables {
    return this.#tables;
  }

  addKnown(file: KnownFile): void {
    const known = [...this.#tables.known, file].toSorted((a, b) => a.bytes - b.bytes);
    this.#save({ ...this.#tables, known });
  }

  addOwn(file: OwnFile | Infeasible): void {
    const own = [...this.#tables.own, file].toSorted((a, b) => a.budget - b.budget);
    this.#save({ ...this.#tables, own });
  }

  /** A stop while it is written leaves the former one. */
  #save(tables: QualityTables): void {
    this.#tables = tables;
    mkdirSync(dirname(this.#path), { recursive: true });
    writeFileSync(`${this.#path}.part`, `${JSON.stringify(tables, null, 1)}\n`);
    renameSync(`${this.#path}.part`, this.#path);
  }
}

export function readTables(path: string): QualityTables {
  return JSON.parse(readFileSync(path, 'utf8')) as QualityTables;
}
