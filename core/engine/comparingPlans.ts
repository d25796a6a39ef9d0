// Plans run beside the original on one text, without writing a file; what was compared before is taken from disk.

import { createHash } from 'node:crypto';
import { QuantscopeError } from '../base/errors.ts';
import { calibrationSet } from '../calibration/calibrationSet.ts';
import { readCalibrationText } from '../calibration/calibrationText.ts';
import { type Checkpoint, matrixShape } from '../checkpoint/checkpoint.ts';
import { compareChanges } from '../evaluation/comparison.ts';
import type { ScoredSequences } from '../evaluation/sequences.ts';
import { Decoder } from '../forward/decoder.ts';
import { plannedWeights, type StoredTypes } from '../forward/plannedWeights.ts';
import { checkUnchanged } from '../io/fileIdentity.ts';
import type { Rival, RunSettings } from '../protocol/calibration.ts';
import { typesOfCode } from '../protocol/typeCode.ts';
import { type GgufTarget, isQuantizable, storedType } from '../quant/ggufTypes.ts';
import type { Importance } from '../quant/importance.ts';
import { openTokenizer } from '../tokenizer/textTokenizer.ts';
import { comparisonKey, type DatedComparison, keepComparison, keptComparison } from './keptComparisons.ts';
import { progressReporter } from './progress.ts';
import type { OpenModel, Session } from './session.ts';
import { onUnchanged } from './unchanged.ts';

/** What plans are compared on. */
export interface ComparedText {
  readonly scored: ScoredSequences;
  /** Names its tokens and which of them count. */
  readonly id: string;
  /** For people. */
  readonly about: string;
}

/** @throws TEXT_TOO_SHORT, TOKENIZER_UNSUPPORTED, and what reading the text throws */
export async function comparedText({ checkpoint }: OpenModel, settings: RunSettings): Promise<ComparedText> {
  const text = await readCalibrationText(settings.text);
  const tokenizer = await openTokenizer(checkpoint);
  const scored = await calibrationSet(text, tokenizer, settings);
  const { context, seed } = settings;
  // The last token of a sequence predicts one that the hash of the sequences does not cover.
  const parts = [text.sha256, tokenizer.hash, scored.dataHash, scored.sequences.length, context, seed];
  return {
    scored,
    id: createHash('sha256').update(JSON.stringify(parts)).digest('hex'),
    about: `${text.name}, ${scored.sequences.length} sequences of ${context} tokens, seed ${seed}`,
  };
}

/** A plan as it is run and shown. */
export interface MeasuredPlan extends Pick<Rival, 'label' | 'bytes' | 'bitsPerWeight'> {
  readonly types: StoredTypes;
}

export interface PlanRun {
  readonly text: ComparedText;
  /** What the exporter would use. */
  readonly importance: Importance | undefined;
  readonly signal: AbortSignal;
  /** Plans that run together; one by one, figures come earlier, and weights two of them share are quantized twice. */
  readonly together?: number | undefined;
  /** Receives each plan's comparison once it is there, known ones first. */
  readonly onCompared?: ((at: number, comparison: DatedComparison) => void) | undefined;
}

/**
 * One comparison with the original per plan, in order; each is kept as soon as it is there.
 * @throws FILE_CHANGED, CANCELLED, and what running throws
 */
export async function comparePlans(
  session: Session,
  model: OpenModel,
  plans: readonly Pick<MeasuredPlan, 'label' | 'types'>[],
  { text, importance, signal, together, onCompared }: PlanRun,
): Promise<DatedComparison[]> {
  const { checkpoint } = model;
  const keys = plans.map(({ types }) => comparisonKey(checkpoint, types, text.id, importance));
  await checkUnchanged(checkpoint.files);
  const found = await Promise.all(keys.map(keptComparison));
  for (const [at, known] of found.entries()) if (known !== null) onCompared?.(at, known);
  const missing = [...keys.keys()].filter((at) => found[at] === null);
  if (missing.length > 0) {
    const original = await Decoder.open(checkpoint, session.pool);
    const changes = missing.map((at) => {
      const types: StoredTypes = plans[at]?.types ?? new Map();
      return original.withWeights(plannedWeights(original.parts.weights, types, importance));
    });
    const onProgress = progressReporter(model.id, 'evaluation', (event) => session.emit('progress', event));
    await onUnchanged(checkpoint.files, () =>
      compareChanges(original, changes, text.scored, {
        signal,
        onProgress,
        together,
        async onCompared(change, comparison) {
          await checkUnchanged(checkpoint.files);
          const at = missing[change] ?? 0;
          const dated = { ...comparison, at: new Date().toISOString() };
          found[at] = dated;
          await keepComparison(keys[at] ?? '', dated);
          onCompared?.(at, dated);
        },
      }),
    );
  }
  return found.map((comparison, at) => {
    if (comparison === null) throw new QuantscopeError('INTERNAL', `${plans[at]?.label} was not measured`);
    return comparison;
  });
}

/** @throws PLAN_MISMATCH where it says nothing of a tensor, or something of one that is kept; TYPE_UNKNOWN */
export function typesFromCode(
  { name, tensors }: Checkpoint,
  { label, code }: Pick<Rival, 'label' | 'code'>,
): StoredTypes {
  const planned = typesOfCode(code);
  if (planned.length !== tensors.length)
    throw new QuantscopeError(
      'PLAN_MISMATCH',
      `${label}: is of ${planned.length} tensors, ${name} has ${tensors.length}`,
    );
  const stored = new Map<number, GgufTarget>();
  for (const [at, tensor] of tensors.entries()) {
    const type = planned[at];
    if (type === undefined)
      throw new QuantscopeError('TYPE_UNKNOWN', `${label}: ${tensor.name}: no type "${[...code][at]}"`);
    if ((type !== null) !== isQuantizable(tensor))
      throw new QuantscopeError(
        'PLAN_MISMATCH',
        `${label}: ${tensor.name} of ${name} is ${type === null ? 'left out' : 'never quantized'}`,
      );
    if (type !== null) stored.set(tensor.index, storedType(type, matrixShape(tensor).columns));
  }
  return stored;
}
