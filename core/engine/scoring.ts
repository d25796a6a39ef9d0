// Sensitivity scores of an open model: what each would cost, measuring one, and what a plan takes from it.

import { isCancelled } from '../base/cancellation.ts';
import { isQuantscopeError, QuantscopeError } from '../base/errors.ts';
import { calibrationSet } from '../calibration/calibrationSet.ts';
import { readCalibrationText } from '../calibration/calibrationText.ts';
import { refuseImatrix } from '../checkpoint/imatrixDetails.ts';
import { Decoder } from '../forward/decoder.ts';
import type { RunSettings, ScoreId, ScoreMethod } from '../protocol/calibration.ts';
import type { Params, Result } from '../protocol/calls.ts';
import type { Importance } from '../quant/importance.ts';
import { measureScore, type NamedRun, scoreState } from '../sensitivity/measureScore.ts';
import { SCORES, scoreOf } from '../sensitivity/registry.ts';
import type { RoundTripSource } from '../sensitivity/roundTrip.ts';
import type { Score } from '../sensitivity/score.ts';
import { NO_WORK, type Prices, pricesOf, quantizingPrice, secondsFor } from '../sensitivity/work.ts';
import { openTokenizer } from '../tokenizer/textTokenizer.ts';
import { importanceInUse } from './calibratingState.ts';
import { progressReporter } from './progress.ts';
import type { OpenModel, Session } from './session.ts';
import { onUnchanged } from './unchanged.ts';

export interface ScoreRequest {
  /** Null for scores that need no text. */
  readonly settings: RunSettings | null;
  /** Weighs the quantizers' columns. */
  readonly importance?: Importance | undefined;
  readonly signal: AbortSignal;
}

export async function answerScoreMethods(
  session: Session,
  { model: id, settings }: Params<'scoreMethods'>,
  signal: AbortSignal,
): Promise<Result<'scoreMethods'>> {
  const model = session.model(id);
  const importance = await importanceInUse(model);
  return { methods: await scoreMethods(session, model, { settings, importance, signal }) };
}

export async function answerScore(
  session: Session,
  { model: id, score, settings }: Params<'score'>,
  signal: AbortSignal,
): Promise<Result<'score'>> {
  const model = session.model(id);
  return measureModelScore(session, model, score, { settings, importance: await importanceInUse(model), signal });
}

/** Cheapest first. @throws UNSUPPORTED_ARCHITECTURE for importance matrices, CANCELLED */
export async function scoreMethods(session: Session, model: OpenModel, request: ScoreRequest): Promise<ScoreMethod[]> {
  refuseImatrix(model.checkpoint);
  const { signal } = request;
  const weights = sourceOf(session, model, request);
  const run = await runOf(session, model, request)
    .then(async (found) => ({ found, prices: await pricesFor(model, found, signal) }))
    .catch((error: unknown) => {
      if (isCancelled(error) || !isQuantscopeError(error)) throw error;
      return error.message;
    });
  const prices = typeof run === 'string' ? await pricesFor(model, weights, signal) : run.prices;
  const methods: ScoreMethod[] = [];
  for (const score of SCORES) {
    const { id, name, formula, unit, needs } = score;
    const facts = { id, name, formula, unit, needs, plans: score.plans !== null };
    const blocker = needs === 'weights' ? null : typeof run === 'string' ? run : blockerOf(score, run.found);
    if (blocker !== null) {
      methods.push({ ...facts, blocker, seconds: 0, known: 0, of: 0 });
      continue;
    }
    const source = typeof run === 'string' ? weights : run.found;
    const { known, of, work } = await scoreState(score, source);
    methods.push({ ...facts, blocker: null, seconds: secondsFor(work, prices), known, of });
  }
  return methods;
}

/**
 * Measures the score of every tensor that lacks it and keeps it for planning.
 * @throws UNSUPPORTED_ARCHITECTURE, TOKENIZER_UNSUPPORTED, TEXT_TOO_SHORT, CANCELLED, PROTOCOL for scores this engine
 * does not have, and what running throws
 */
export async function measureModelScore(
  session: Session,
  model: OpenModel,
  id: ScoreId,
  request: ScoreRequest,
  onEstimate?: (seconds: number, counts: { known: number; of: number }) => void,
): Promise<Result<'score'>> {
  refuseImatrix(model.checkpoint);
  const score = scoreOf(id);
  if (score === null) throw new QuantscopeError('PROTOCOL', `this engine does not measure ${id}`);
  const began = performance.now();
  const { signal } = request;
  const source = score.needs === 'text' ? await runOf(session, model, request) : sourceOf(session, model, request);
  const { work, ...counts } = await scoreState(score, source);
  if (onEstimate !== undefined && counts.known < counts.of)
    onEstimate(secondsFor(work, await pricesFor(model, source, signal)), counts);
  const table = await onUnchanged(model.checkpoint.files, () =>
    measureScore(score, source, {
      signal,
      onRows(rows) {
        const shown = rows.map(({ tensor, value, error, curve }) => ({
          tensor,
          value,
          error,
          ...(curve && { curve }),
        }));
        session.emit('scores', { model: model.id, score: id, rows: shown });
      },
      onProgress: progressReporter(model.id, 'sensitivity', (event) => session.emit('progress', event)),
    }),
  );
  model.scores.set(id, table);
  const { rows, cached, provenance } = table;
  return { tensors: rows.size, cached, seconds: (performance.now() - began) / 1000, provenance };
}

function sourceOf(session: Session, { checkpoint }: OpenModel, { importance }: ScoreRequest): RoundTripSource {
  return { checkpoint, pool: session.pool, importance };
}

/** Tokens the model was made for. @throws UNSUPPORTED_ARCHITECTURE, HEADER_INVALID, TENSOR_NOT_FOUND, RUNTIME_MISSING */
export async function contextOf({ pool }: Session, { checkpoint }: OpenModel): Promise<number> {
  return (await Decoder.open(checkpoint, pool)).network.context;
}

/** Why a score cannot be measured on a model that runs. */
function blockerOf(score: Score, { parts }: NamedRun): string | null {
  if (score.needs !== 'text' || !score.causal || parts.network.causal) return null;
  return `${parts.weights.checkpoint.name}: an encoder predicts no next token, so a text has no likelihood`;
}

/** The model and the sequences of the text. */
async function runOf(session: Session, model: OpenModel, request: ScoreRequest): Promise<NamedRun> {
  const { settings } = request;
  const { checkpoint } = model;
  if (settings === null) throw new QuantscopeError('USAGE', 'this score needs a text to run the model on');
  const { parts } = await Decoder.open(checkpoint, session.pool);
  const text = await readCalibrationText(settings.text);
  const set = await calibrationSet(text, await openTokenizer(checkpoint), settings);
  return {
    ...sourceOf(session, model, request),
    parts,
    sequences: set.sequences,
    dataHash: set.dataHash,
    source: `${text.name}, seed ${settings.seed}`,
  };
}

const priced = new WeakMap<OpenModel, { readonly key: string; readonly prices: Prices }>();

/** Timed once per model and length of text. */
async function pricesFor(model: OpenModel, source: RoundTripSource | NamedRun, signal: AbortSignal): Promise<Prices> {
  const { sequences = [] } = 'parts' in source ? source : {};
  const key = `${sequences.length} ${sequences[0]?.length ?? 0}`;
  const timed = priced.get(model);
  if (timed?.key === key) return timed.prices;
  const prices =
    'parts' in source
      ? await pricesOf(source, signal)
      : { ...NO_WORK, quantized: await quantizingPrice(source, signal) };
  priced.set(model, { key, prices });
  return prices;
}
