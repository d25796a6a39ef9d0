// Options of commands that run a model on a text.

import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { QuantscopeError } from '../../base/errors.ts';
import { MAX_EVALUATION_TEXT_BYTES } from '../../base/limits.ts';
import { readTextFile } from '../../io/textFile.ts';
import type { TextSource } from '../../protocol/calibration.ts';
import { numberOption } from '../numberOption.ts';
import type { OptionValues } from './command.ts';

const DEFAULT_CONTEXT = 512;

export const TEXT_OPTIONS = {
  text: { type: 'string' },
  context: { type: 'string' },
  sequences: { type: 'string' },
} as const;

export interface RunText {
  readonly text: string;
  readonly name: string;
  readonly sha256: string;
}

/** @throws USAGE without --text, FILE_NOT_FOUND, HEADER_TOO_LARGE */
export async function readText(values: OptionValues, command: string): Promise<RunText> {
  if (typeof values.text !== 'string') throw new QuantscopeError('USAGE', `${command} needs --text FILE`);
  const text = await readTextFile(values.text, MAX_EVALUATION_TEXT_BYTES);
  return { text, name: basename(values.text), sha256: createHash('sha256').update(text).digest('hex') };
}

/** @throws USAGE without --text or --sample, or with both */
export function textOption({ text, sample }: OptionValues, command: string): TextSource {
  if ((typeof text === 'string') === (sample === true))
    throw new QuantscopeError('USAGE', `${command}: running the model needs either --text FILE or --sample`);
  return typeof text === 'string' ? { kind: 'file', path: text } : { kind: 'sample' };
}

/** @param longest what the model was trained for. @throws USAGE */
export function runLength(values: OptionValues, longest: number): { context: number; sequences: number | undefined } {
  return {
    context: whole(values.context, '--context') ?? Math.min(DEFAULT_CONTEXT, longest),
    sequences: whole(values.sequences, '--sequences'),
  };
}

function whole(value: unknown, flag: string): number | undefined {
  const number = numberOption(value, flag);
  if (number === undefined || Number.isInteger(number)) return number;
  throw new QuantscopeError('USAGE', `${flag} takes a whole number, not "${String(value)}"`);
}
