// Options of commands that measure a score on a text.

import { QuantscopeError } from '../../base/errors.ts';
import { type RunSettings, type ScoreId, zRunSettings, zScoreId } from '../../protocol/calibration.ts';
import { SCORES, scoreOf } from '../../sensitivity/registry.ts';
import { seedOption } from '../numberOption.ts';
import { contextOf } from '../scoring.ts';
import type { OpenModel, Session } from '../session.ts';
import type { OptionValues } from './command.ts';
import { runLength, TEXT_OPTIONS, textOption } from './evaluationOptions.ts';
import { durationText } from './text.ts';

/** Some thousand tokens tell tensors apart; more cost as many forward passes again. */
const DEFAULT_SEQUENCES = 8;

export const SCORE_OPTIONS = {
  score: { type: 'string' },
  sample: { type: 'boolean' },
  seed: { type: 'string' },
  ...TEXT_OPTIONS,
} as const;

/** @throws USAGE for scores nobody knows */
export function scoreOption(value: unknown, command: string): ScoreId | undefined {
  if (value === undefined) return undefined;
  const id = zScoreId.safeParse(value);
  if (id.success && scoreOf(id.data) !== null) return id.data;
  const ids = SCORES.map((score) => score.id).join(', ');
  throw new QuantscopeError('USAGE', `${command}: no score "${String(value)}"; scores: ${ids}`);
}

/** Text options do nothing without what runs the model: rather refused than ignored. @throws USAGE */
export function refuseTextOptions(values: OptionValues, command: string, needed: string): void {
  const flag = (['text', 'sample', 'context', 'sequences', 'seed'] as const).find((name) => values[name] !== undefined);
  if (flag !== undefined) throw new QuantscopeError('USAGE', `${command}: --${flag} belongs to ${needed}`);
}

/** Null for scores that need no text. @throws USAGE */
export async function runSettings(
  session: Session,
  model: OpenModel,
  score: ScoreId,
  values: OptionValues,
  command: string,
): Promise<RunSettings | null> {
  return scoreOf(score)?.needs === 'text' ? textSettings(session, model, values, command) : null;
}

/** @throws USAGE */
export async function textSettings(
  session: Session,
  model: OpenModel,
  values: OptionValues,
  command: string,
): Promise<RunSettings> {
  const text = textOption(values, command);
  const { context, sequences = DEFAULT_SEQUENCES } = runLength(values, await contextOf(session, model));
  const settings = zRunSettings.safeParse({
    text,
    context,
    sequences,
    seed: seedOption(values.seed),
  });
  if (settings.success) return settings.data;
  const [issue] = settings.error.issues;
  throw new QuantscopeError(
    'USAGE',
    `${command}: --${issue?.path.join('.') ?? 'text'}: ${issue?.message ?? 'invalid'}`,
  );
}

/** Tells what a measurement will take before it starts. */
export function estimateNote(
  note: (text: string) => void,
  score: ScoreId,
): (seconds: number, counts: { known: number; of: number }) => void {
  return (seconds, { known, of }) =>
    note(`${scoreName(score)}: ${of - known} of ${of} tensors to measure, about ${durationText(seconds)}`);
}

export function scoreName(id: ScoreId): string {
  return scoreOf(id)?.name.toLowerCase() ?? id;
}
