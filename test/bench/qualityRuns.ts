// What `npm run bench:quality` does with a model: files made and evaluated by the product's own commands.

import { execFileSync } from 'node:child_process';
import { rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mixFactsOf } from '../../core/allocation/mixFacts.ts';
import { makePlan, serializePlan } from '../../core/allocation/planDocument.ts';
import { mixTypes, STANDARD_MIXES, type StandardMix } from '../../core/allocation/standardMixes.ts';
import { type Failure, isQuantscopeError, QuantscopeError } from '../../core/base/errors.ts';
import type { Checkpoint } from '../../core/checkpoint/checkpoint.ts';
import { openCheckpoint } from '../../core/checkpoint/open.ts';
import { type GgufTarget, isQuantizable } from '../../core/quant/ggufTypes.ts';
import type { LlamaQuantize } from '../interop/llama/quantize.ts';
import { planFor } from '../unit/export/plans.ts';
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
  readonly bytes: number;
  readonly plain: Evaluation;
  readonly weighted: Evaluation;
}

export interface OwnFile extends Evaluation {
  readonly bytes: number;
  /** Which of the plans that were tried is written. */
  readonly written: string;
}

const UNIFORM: readonly GgufTarget[] = ['Q2_K', 'Q3_K', 'IQ4_XS', 'Q4_0', 'Q4_K', 'Q5_0', 'Q5_K', 'Q6_K', 'Q8_0'];
const MIXES: readonly StandardMix[] = [
  'Q2_K',
  'Q3_K_S',
  'Q3_K_M',
  'Q3_K_L',
  'IQ4_XS',
  'Q4_K_S',
  'Q4_K_M',
  'Q5_K_S',
  'Q5_K_M',
  'Q6_K',
];

/** What a known plan stores each tensor in; llama.cpp's mixes save bits where they have an importance matrix. */
type TypesOf = (imatrix: boolean) => (tensor: string) => GgufTarget;

export class QualityRuns {
  readonly #subject: Subject;
  readonly #folder: string;
  readonly #imatrix: string;

  private constructor(subject: Subject, folder: string, imatrix: string) {
    this.#subject = subject;
    this.#folder = folder;
    this.#imatrix = imatrix;
  }

  static async open(subject: Subject, folder: string): Promise<QualityRuns> {
    const imatrix = join(folder, 'imatrix.gguf');
    const { model, calibration, context, measured } = subject;
    const length = ['--context', `${context}`, '--sequences', `${4 * measured}`];
    quantscope('imatrix', model, '--text', calibration, ...length, '-o', imatrix, '--overwrite');
    return new QualityRuns(subject, folder, imatrix);
  }

  /** Types that store every tensor as another one does count once. @param quantize null: mixes by their published rules */
  async known(quantize: LlamaQuantize | null): Promise<KnownFile[]> {
    const { model, name, known: only } = this.#subject;
    const source = await openCheckpoint(model);
    const facts = mixFactsOf(source);
    const names = source.tensors.filter(isQuantizable).map((tensor) => tensor.name);
    const found = new Map<string, KnownFile>();
    const meet = async (label: string, kind: KnownFile['kind'], typesOf: TypesOf): Promise<void> => {
      if (only?.includes(label) === false) return;
      process.stderr.write(`${name}: ${kind} ${label}\n`);
      const plan = this.#planFile(source, typesOf(false));
      const theirs = kind === 'mix' && quantize !== null;
      const fileType = theirs ? STANDARD_MIXES[label as StandardMix].fileType : 0;
      const file = theirs ? await this.#llamaMix(source, quantize, fileType) : this.#export(plan, 'plain.gguf', false);
      const { size: bytes } = statSync(file);
      const plain = this.#evaluate(file);
      rmSync(file);
      const weightedFile = this.#export(this.#planFile(source, typesOf(true)), 'weighted.gguf', true);
      const weighted = this.#evaluate(weightedFile);
      rmSync(weightedFile);
      const same = `${bytes} ${plain.divergence.mean}`;
      if (!found.has(same)) found.set(same, { name: label, kind, bytes, plain, weighted });
    };
    for (const type of UNIFORM) await meet(type, 'uniform', () => () => type);
    for (const mix of facts === null ? [] : MIXES) {
      await meet(mix, 'mix', (imatrix) => {
        const types = facts === null ? [] : mixTypes(mix, source.tensors, facts, imatrix);
        return (tensor) => types[names.indexOf(tensor)] ?? 'F16';
      });
    }
    return [...found.values()].toSorted((a, b) => a.bytes - b.bytes);
  }

  /** Our plan of at most `bytes`, checked on calibration text; null where no plan is so small. */
  own(bytes: number): OwnFile | null {
    const { model, calibration, context, measured, choices } = this.#subject;
    const plan = join(this.#folder, 'ours.quantplan.json');
    try {
      const { check } = quantscope<{ check: { written: string } }>(
        'plan',
        model,
        ...['--target-bytes', `${bytes}`, '--choices', choices.join(',')],
        ...['--imatrix', this.#imatrix, '--measure', calibration, '--check'],
        ...['--context', `${context}`, '--sequences', `${measured}`, '-o', plan],
      );
      const file = this.#export(plan, 'ours.gguf', true);
      const own = { ...this.#evaluate(file), bytes: statSync(file).size, written: check.written };
      rmSync(file);
      return own;
    } catch (error) {
      if (isQuantscopeError(error) && error.code === 'BUDGET_INFEASIBLE') return null;
      throw error;
    }
  }

  #evaluate(path: string): Evaluation {
    const { model, heldOut, context, sequences } = this.#subject;
    const length = ['--context', `${context}`, '--sequences', `${sequences}`];
    return quantscope('eval', path, '--against', model, '--text', heldOut, ...length);
  }

  #planFile(source: Checkpoint, typeOf: (tensor: string) => GgufTarget): string {
    const file = join(this.#folder, 'known.quantplan.json');
    const { request, solution } = planFor(source, typeOf);
    writeFileSync(file, serializePlan(makePlan(source, request, solution)));
    return file;
  }

  #export(plan: string, name: string, weighted: boolean): string {
    const output = join(this.#folder, name);
    const imatrix = weighted ? this.#imatrix : 'none';
    const { model } = this.#subject;
    quantscope('export', model, '--plan', plan, '--format', 'gguf', '--imatrix', imatrix, '-o', output, '--overwrite');
    return output;
  }

  /** What llama-quantize is given is a GGUF of the model's own precision. */
  async #llamaMix(source: Checkpoint, quantize: LlamaQuantize, fileType: number): Promise<string> {
    const output = join(this.#folder, 'mix.gguf');
    if (source.format === 'gguf') {
      quantize(source.path, output, fileType, false);
      return output;
    }
    const keep = source.tensors.some(({ dtype }) => dtype === 'F32') ? 'F32' : 'BF16';
    const whole = this.#export(
      this.#planFile(source, () => keep),
      'source.gguf',
      false,
    );
    quantize(whole, output, fileType, false);
    rmSync(whole);
    return output;
  }
}

/** @throws QuantscopeError as the command told it */
function quantscope<T>(...args: string[]): T {
  try {
    const output = execFileSync(process.execPath, ['dist/engine.js', ...args, '--json'], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return JSON.parse(output) as T;
  } catch (error) {
    throw failureOf(error) ?? error;
  }
}

/** What `--json` printed before the command ended with an error. */
function failureOf(error: unknown): QuantscopeError | null {
  const { stdout } = (error ?? {}) as { stdout?: unknown };
  if (typeof stdout !== 'string' || stdout === '') return null;
  const { error: failure } = JSON.parse(stdout) as { error?: Failure };
  return failure === undefined ? null : new QuantscopeError(failure.code, failure.message);
}
