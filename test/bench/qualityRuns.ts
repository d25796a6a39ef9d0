// What `npm run bench:quality` does with a model: files made and evaluated by the product's own commands.

import { execFileSync } from 'node:child_process';
import { rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { feasibleInterval } from '../../core/allocation/feasibleInterval.ts';
import { type KnownPlan, knownPlans } from '../../core/allocation/knownPlans.ts';
import { mixFactsOf } from '../../core/allocation/mixFacts.ts';
import { makePlan, serializePlan } from '../../core/allocation/planDocument.ts';
import { type Failure, isQuantscopeError, QuantscopeError } from '../../core/base/errors.ts';
import { type Checkpoint, countParameters, matrixShape } from '../../core/checkpoint/checkpoint.ts';
import { openCheckpoint } from '../../core/checkpoint/open.ts';
import { ggufSize } from '../../core/export/gguf/layout.ts';
import { type GgufTarget, isQuantizable } from '../../core/quant/ggufTypes.ts';
import { dtypeInfo } from '../../core/tensor/dtype.ts';
import type { LlamaQuantize } from '../interop/llama/quantize.ts';
import { planFor } from '../unit/export/plans.ts';
import type { Evaluation, Infeasible, KnownFile, OwnFile, RecordHead } from './qualityRecord.ts';
import type { Subject } from './qualitySubjects.ts';

/** A plan everyone knows; llama.cpp's mixes save bits where they have an importance matrix. */
interface Known extends KnownPlan {
  readonly weightedTypes: readonly GgufTarget[];
}

export class QualityRuns {
  readonly head: RecordHead;
  readonly knownPlans: readonly Known[];
  readonly #source: Checkpoint;
  readonly #subject: Subject;
  readonly #folder: string;
  readonly #quantize: LlamaQuantize | null;
  #imatrix: string | null = null;

  /** @param quantize null: mixes by their published rules */
  static async open(subject: Subject, folder: string, quantize: LlamaQuantize | null): Promise<QualityRuns> {
    const source = await openCheckpoint(subject.model);
    const { name, texts, context, sequences, measured, score, choices, targets } = subject;
    const settings = { name, texts, context, sequences, measured, score, choices, targets };
    const parameters = countParameters(source.tensors);
    const smallest = await smallestFile(source, subject.choices);
    const head = { ...settings, parameters, smallest, mixesByRules: quantize === null };
    return new QualityRuns(subject, source, folder, quantize, head);
  }

  private constructor(
    subject: Subject,
    source: Checkpoint,
    folder: string,
    quantize: LlamaQuantize | null,
    head: RecordHead,
  ) {
    this.head = head;
    this.#subject = subject;
    this.#source = source;
    this.#folder = folder;
    this.#quantize = quantize;
    this.knownPlans = distinctKnown(source, subject);
  }

  async known({ label: name, kind, fileType, types, weightedTypes }: Known): Promise<KnownFile> {
    const quantize = this.#quantize;
    const theirs = fileType !== null && quantize !== null;
    const plainFile = theirs
      ? await this.#llamaMix(quantize, fileType)
      : this.#export(this.#planFile(types), 'plain.gguf', false);
    const { size: bytes } = statSync(plainFile);
    const plain = this.#evaluate(plainFile);
    rmSync(plainFile);
    const weightedFile = this.#export(this.#planFile(weightedTypes), 'weighted.gguf', true);
    const { size: weightedBytes } = statSync(weightedFile);
    const weighted = this.#evaluate(weightedFile);
    rmSync(weightedFile);
    return { name, kind, bytes, weightedBytes, plain, weighted };
  }

  /** Our plan of at most `budget` bytes, checked on calibration text. */
  own(budget: number): OwnFile | Infeasible {
    const { model, calibration, context, measured, choices, score } = this.#subject;
    const plan = join(this.#folder, 'ours.quantplan.json');
    try {
      const { check } = quantscope<{ check: { written: string } }>(
        'plan',
        model,
        ...['--target-bytes', `${budget}`, '--choices', choices.join(',')],
        ...['--imatrix', this.#importance(), '--score', score, '--text', calibration, '--check'],
        ...['--context', `${context}`, '--sequences', `${measured}`, '-o', plan],
      );
      const file = this.#export(plan, 'ours.gguf', true);
      const { size: bytes } = statSync(file);
      if (bytes > budget) throw new Error(`${file}: ${bytes} bytes, budget ${budget}`);
      const own = { budget, bytes, written: check.written, ...this.#evaluate(file) };
      rmSync(file);
      return own;
    } catch (error) {
      if (isQuantscopeError(error) && error.code === 'BUDGET_INFEASIBLE') return { budget, infeasible: error.message };
      throw error;
    }
  }

  /** Measured when first needed: the same matrix for every file. */
  #importance(): string {
    if (this.#imatrix !== null) return this.#imatrix;
    const { id, model, calibration, context, measured } = this.#subject;
    const imatrix = join(this.#folder, `${id}-imatrix.gguf`);
    const length = ['--context', `${context}`, '--sequences', `${4 * measured}`];
    quantscope('imatrix', model, '--text', calibration, ...length, '-o', imatrix);
    this.#imatrix = imatrix;
    return imatrix;
  }

  #evaluate(path: string): Evaluation {
    const { model, heldOut, context, sequences } = this.#subject;
    const length = ['--context', `${context}`, '--sequences', `${sequences}`];
    const answer = quantscope<Evaluation>('eval', path, '--against', model, '--text', heldOut, ...length);
    const { perplexity, error, tokens, topAgreement, divergence } = answer;
    const { mean, p999 } = divergence;
    return { perplexity, error, tokens, topAgreement, divergence: { mean, error: divergence.error, p999 } };
  }

  /** @param types of each quantizable tensor, in file order */
  #planFile(types: readonly GgufTarget[]): string {
    const file = join(this.#folder, 'known.quantplan.json');
    const { request, solution } = planFor(this.#source, (_, at) => types[at] ?? 'F16');
    writeFileSync(file, serializePlan(makePlan(this.#source, request, solution)));
    return file;
  }

  #export(plan: string, name: string, weighted: boolean): string {
    const output = join(this.#folder, name);
    const imatrix = weighted ? this.#importance() : 'none';
    const { model } = this.#subject;
    quantscope('export', model, '--plan', plan, '--format', 'gguf', '--imatrix', imatrix, '-o', output, '--overwrite');
    return output;
  }

  /** What llama-quantize is given is a GGUF of the model's own precision. */
  async #llamaMix(quantize: LlamaQuantize, fileType: number): Promise<string> {
    const source = this.#source;
    const output = join(this.#folder, 'mix.gguf');
    if (source.format === 'gguf') {
      quantize(source.path, output, fileType, false);
      return output;
    }
    const keep = source.tensors.some(({ dtype }) => dtype === 'F32') ? 'F32' : 'BF16';
    const whole = this.#export(this.#planFile(source.tensors.map(() => keep)), 'source.gguf', false);
    quantize(whole, output, fileType, false);
    rmSync(whole);
    return output;
  }
}

/** Plans that store every tensor as an earlier one does are left out; so are plain floats everywhere. */
function distinctKnown(source: Checkpoint, { choices, known: only }: Subject): Known[] {
  const blocks = choices.filter((type) => dtypeInfo(type).kind === 'block');
  const facts = mixFactsOf(source);
  const weighted = knownPlans(source.tensors, blocks, facts, true);
  const found = new Map<string, Known>();
  for (const [at, plan] of knownPlans(source.tensors, blocks, facts, false).entries()) {
    const weightedTypes = weighted[at]?.types ?? plan.types;
    const same = `${plan.types} ${weightedTypes}`;
    if (only?.includes(plan.label) !== false && !found.has(same)) found.set(same, { ...plan, weightedTypes });
  }
  const place = ({ label, kind }: Known): number => only?.indexOf(label) ?? (kind === 'mix' ? 0 : 1);
  return [...found.values()].toSorted((a, b) => place(a) - place(b));
}

async function smallestFile(source: Checkpoint, choices: readonly GgufTarget[]): Promise<RecordHead['smallest']> {
  const size = await ggufSize(source);
  const request = { targetBytes: 0, choices: [...choices], locks: [], pins: [], minimums: [] };
  const { minBytes } = feasibleInterval(source.tensors, size, request);
  return { bytes: minBytes, fixedBytes: size.fixedBytes, why: narrowRows(source) };
}

/** Which rows keep a file from being smaller; '' where every type divides them all. */
function narrowRows({ tensors }: Checkpoint): string {
  const told = (fits: (columns: number) => boolean, consequence: string): string[] => {
    const narrow = tensors.filter(isQuantizable).filter((tensor) => fits(matrixShape(tensor).columns));
    if (narrow.length === 0) return [];
    const share = (100 * countParameters(narrow)) / countParameters(tensors);
    const widths = [...new Set(narrow.map((tensor) => matrixShape(tensor).columns))];
    return [`${share.toFixed(0)} % of its weights lie in rows of ${widths.join(' and ')}, ${consequence}`];
  };
  const [block, kBlock] = [dtypeInfo('Q4_0').blockElements, dtypeInfo('Q4_K').blockElements];
  return [
    ...told((columns) => columns % block === 0 && columns % kBlock !== 0, 'where no K type fits: 4.5 bits at least'),
    ...told((columns) => columns % block !== 0, 'where no block fits: 16 bits'),
  ].join('; ');
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
