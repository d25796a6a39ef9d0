// `quantscope plan --check`: on which text, and what was measured as a table.

import { bytesText } from '../../base/byteText.ts';
import type { RunSettings } from '../../protocol/calibration.ts';
import type { CheckedPlan } from '../checkedPlan.ts';
import type { OpenModel, Session } from '../session.ts';
import type { OptionValues } from './command.ts';
import { textSettings } from './scoreOptions.ts';
import { figureText, printable, table } from './text.ts';

/** Plans are checked on twice the tokens that single tensors are measured on. */
const CHECK_SEQUENCES = 16;

/** The held-out text; else the measured one, other sequences of it where it has more. @throws USAGE */
export async function checkSettings(session: Session, model: OpenModel, values: OptionValues): Promise<RunSettings> {
  const heldOut = values['held-out'];
  const text = heldOut === undefined ? values : { ...values, text: heldOut, sample: undefined };
  const settings = await textSettings(session, model, text, 'plan --check');
  const sequences = values.sequences === undefined ? CHECK_SEQUENCES : settings.sequences;
  return { ...settings, sequences, seed: heldOut === undefined ? settings.seed + 1 : settings.seed };
}

export function checkJson({ measures, written, statement }: CheckedPlan): object {
  return { written, statement, plans: measures };
}

export function checkTable({ measures }: CheckedPlan): string {
  const rows = measures.map((measure) => {
    const { divergence, perplexity, perplexityError, topAgreement, tokensPerSecond } = measure;
    return [
      printable(measure.label),
      bytesText(measure.bytes),
      figureText(measure.predicted),
      `${divergence.mean.toPrecision(3)} ± ${divergence.error.toPrecision(1)}`,
      divergence.p999.toPrecision(3),
      `${perplexity.toFixed(3)} ± ${perplexityError.toFixed(3)}`,
      `${(100 * topAgreement).toFixed(2)} %`,
      tokensPerSecond.toFixed(0),
    ];
  });
  const head = [
    'plan',
    'bytes',
    'predicted',
    'measured KL',
    '99.9 %',
    'perplexity',
    'same top token',
    'tokens/s (estimate)',
  ];
  return table(head, rows);
}
