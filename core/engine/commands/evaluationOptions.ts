// Options of commands that run a model on a text.

import { QuantscopeError } from '../../base/errors.ts';
import { MAX_CONTEXT, MAX_SEQUENCES, MIN_CONTEXT, type TextSource } from '../../protocol/calibration.ts';
import { wholeOption } from '../numberOption.ts';
import type { OptionValues } from './command.ts';

const DEFAULT_CONTEXT = 512;

export const TEXT_OPTIONS = {
  text: { type: 'string' },
  context: { type: 'string' },
  sequences: { type: 'string' },
} as const;

/** @throws USAGE without --text or --sample, or with both */
export function textOption({ text, sample }: OptionValues, command: string): TextSource {
  if ((typeof text === 'string') === (sample === true))
    throw new QuantscopeError('USAGE', `${command}: running the model needs either --text FILE or --sample`);
  return typeof text === 'string' ? { kind: 'file', path: text } : { kind: 'sample' };
}

/** @param longest what the model was trained for. @throws USAGE */
export function runLength(values: OptionValues, longest: number): { context: number; sequences: number | undefined } {
  const context = wholeOption(values.context, '--context') ?? Math.min(DEFAULT_CONTEXT, longest);
  if (context < MIN_CONTEXT || context > MAX_CONTEXT)
    throw new QuantscopeError(
      'USAGE',
      `--context: ${context} tokens, from ${MIN_CONTEXT} to ${MAX_CONTEXT} can be run`,
    );
  return {
    context,
    sequences: wholeOption(values.sequences, '--sequences', MAX_SEQUENCES),
  };
}
