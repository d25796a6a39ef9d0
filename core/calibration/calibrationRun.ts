// A model and the sequences it is to be run on, opened and checked.

import { createHash } from 'node:crypto';
import { QuantscopeError } from '../base/errors.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { refuseImatrix } from '../checkpoint/imatrixDetails.ts';
import { Decoder } from '../forward/decoder.ts';
import type { Pool } from '../kernels/pool.ts';
import type { RunSettings } from '../protocol/calibration.ts';
import { openTokenizer, type TextTokenizer } from '../tokenizer/textTokenizer.ts';
import { type CalibrationSet, calibrationSet } from './calibrationSet.ts';
import { type CalibrationText, readCalibrationText } from './calibrationText.ts';

/** Raise when what is measured changes: older results are then never continued or shown. */
const METHOD_VERSION = 1;

export interface CalibrationRun {
  readonly decoder: Decoder;
  readonly tokenizer: TextTokenizer;
  readonly text: CalibrationText;
  readonly set: CalibrationSet;
  readonly settings: RunSettings;
  /** The same model on the same tokens has the same one. */
  readonly id: string;
}

/**
 * @throws UNSUPPORTED_ARCHITECTURE, HEADER_INVALID, RUNTIME_MISSING; TOKENIZER_UNSUPPORTED without a tokenizer or for ids
 * the model does not have; TEXT_TOO_SHORT; USAGE for a context the model was not made for; what reading the text throws
 */
export async function prepareRun(checkpoint: Checkpoint, pool: Pool, settings: RunSettings): Promise<CalibrationRun> {
  refuseImatrix(checkpoint);
  const decoder = await Decoder.open(checkpoint, pool);
  const { context: longest, vocabulary } = decoder.network;
  if (settings.context > longest)
    throw new QuantscopeError(
      'USAGE',
      `${checkpoint.name}: a context of ${settings.context} tokens, the model was made for ${longest}`,
    );
  const tokenizer = await openTokenizer(checkpoint);
  const text = await readCalibrationText(settings.text);
  const set = await calibrationSet(text, tokenizer, settings);
  for (const sequence of set.sequences)
    for (const id of sequence)
      if (id >= vocabulary)
        throw new QuantscopeError(
          'TOKENIZER_UNSUPPORTED',
          `${checkpoint.name}: token ${id} of the text, the model has ${vocabulary}`,
        );
  const facts = [checkpoint.fingerprint, set.dataHash, settings.context, METHOD_VERSION];
  const id = createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, 32);
  return { decoder, tokenizer, text, set, settings, id };
}
