// Damage weights of an open model, measured by running it on a text; kept on disk, since they cost many forward passes.

import { createHash } from 'node:crypto';
import * as z from 'zod';
import { cutSequences } from '../evaluation/sequences.ts';
import { Decoder } from '../forward/decoder.ts';
import { openCacheFolder } from '../io/cacheFolder.ts';
import { zFigure, zTarget } from '../protocol/objects.ts';
import type { Importance } from '../quant/importance.ts';
import { damagePerError, type MeasuredDivergence, measureDivergences } from '../sensitivity/measuredDivergence.ts';
import { openTokenizer } from '../tokenizer/textTokenizer.ts';
import { progressReporter } from './progress.ts';
import type { OpenModel, Session } from './session.ts';
import { onUnchanged } from './unchanged.ts';

/** Raise when what is measured changes. */
const METHOD_VERSION = 1;

const zMeasured = z.array(
  z.object({ tensor: z.int(), probe: zTarget, relativeError: zFigure, divergence: zFigure, error: zFigure }),
);

export interface MeasureOptions {
  readonly text: string;
  readonly context: (longest: number) => number;
  readonly sequences: number | undefined;
  readonly importance?: Importance | undefined;
  readonly signal: AbortSignal;
}

/**
 * Gives every row of the model's sensitivity its measured weight.
 * @throws UNSUPPORTED_ARCHITECTURE, TOKENIZER_UNSUPPORTED, TEXT_TOO_SHORT, CANCELLED and what running throws
 */
export async function measureWeights(
  session: Session,
  model: OpenModel,
  { text, context, sequences, importance, signal }: MeasureOptions,
): Promise<MeasuredDivergence[]> {
  const { checkpoint, sensitivity } = model;
  const decoder = await Decoder.open(checkpoint, session.pool);
  const tokenizer = await openTokenizer(checkpoint);
  const length = context(decoder.network.context);
  const cut = cutSequences(tokenizer.encode(text), {
    context: length,
    sequences,
    score: 'all',
    begin: tokenizer.begin,
  });
  const sample = createHash('sha256');
  for (const ids of cut.sequences) sample.update(ids);
  const settings = [checkpoint.fingerprint, sample.digest('hex'), length, importance?.id ?? 'plain', METHOD_VERSION];
  const key = `weights-${createHash('sha256').update(JSON.stringify(settings)).digest('hex').slice(0, 32)}`;
  const folder = await openCacheFolder('sensitivity').catch(() => null);
  const known = await folder?.read(key).catch(() => null);
  const kept = known ? zMeasured.safeParse(parsed(known)) : null;
  const measured =
    kept?.success === true
      ? kept.data
      : await onUnchanged(checkpoint.files, () =>
          measureDivergences(decoder, cut, {
            pool: session.pool,
            rows: sensitivity,
            importance,
            signal,
            onProgress: progressReporter(model.id, 'calibration', (event) => session.emit('progress', event)),
          }),
        );
  if (kept?.success !== true)
    await folder?.write(key, new TextEncoder().encode(JSON.stringify(measured))).catch(() => undefined);
  for (const found of measured) {
    const row = sensitivity.get(found.tensor);
    if (row !== undefined) sensitivity.set(found.tensor, { ...row, weight: damagePerError(found) });
  }
  return measured;
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
}
