// Options of commands that quantize: how codes are chosen, and the text that it needs.

import { QuantscopeError } from '../../base/errors.ts';
import type { RunSettings } from '../../protocol/calibration.ts';
import { ROUNDINGS, type RoundingFacts } from '../../quant/rounding/rounding.ts';
import { calibratedSettings } from '../rounding.ts';
import type { OpenModel, Session } from '../session.ts';
import type { OptionValues } from './command.ts';
import { TEXT_OPTIONS } from './evaluationOptions.ts';
import { textSettings } from './scoreOptions.ts';
import { printable } from './text.ts';

/** As many as the paper's (Frantar et al. 2022, section 4): some ten tokens for every column of a wide layer. */
const DEFAULT_SEQUENCES = '128';
const NAMES_SHOWN = 4;

export const ROUNDING_OPTIONS = {
  rounding: { type: 'string' },
  sample: { type: 'boolean' },
  seed: { type: 'string' },
  ...TEXT_OPTIONS,
} as const;

export const ROUNDING_USAGE = ` [--rounding ${ROUNDINGS.join('|')} [--text FILE | --sample] [--context N] [--sequences N] [--seed N]]`;

/**
 * The text of --rounding gptq: named, or that of the model's calibration; undefined without --rounding.
 * @param open is called for --rounding only
 * @throws USAGE, FILE_CHANGED when the model changed since its calibration
 */
export async function roundingOption(
  session: Session,
  open: () => Promise<OpenModel>,
  values: OptionValues,
  command: string,
): Promise<RunSettings | undefined> {
  const { rounding } = values;
  const flags = (['text', 'sample', 'context', 'sequences', 'seed'] as const).filter((name) => values[name]);
  if (rounding === undefined) {
    if (flags.length === 0) return undefined;
    throw new QuantscopeError('USAGE', `${command}: --${flags[0]} belongs to --rounding`);
  }
  if (!ROUNDINGS.some((method) => method === rounding))
    throw new QuantscopeError(
      'USAGE',
      `${command}: --rounding is ${ROUNDINGS.join(' or ')}, not "${String(rounding)}"`,
    );
  const model = await open();
  if (flags.length === 0) return calibratedSettings(model);
  return textSettings(session, model, { ...values, sequences: values.sequences ?? DEFAULT_SEQUENCES }, command);
}

export function roundingText({ method, dataset, chunks, tensors, others }: RoundingFacts): string {
  const by = `codes of ${tensors} tensors by ${method.toUpperCase()}, ${chunks} sequences of ${printable(dataset)}`;
  if (others.length === 0) return by;
  const named = others.slice(0, NAMES_SHOWN).map(({ name, reason }) => `${printable(name)} (${reason})`);
  const more = others.length > NAMES_SHOWN ? ` and ${others.length - NAMES_SHOWN} more` : '';
  return `${by}; as without it: ${named.join(', ')}${more}`;
}
