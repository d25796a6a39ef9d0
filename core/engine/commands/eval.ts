// `quantscope eval`: runs the model on a text and says how well it predicts it.

import { QuantscopeError } from '../../base/errors.ts';
import { readCalibrationText } from '../../calibration/calibrationText.ts';
import { compareModels } from '../../evaluation/comparison.ts';
import type { Comparison } from '../../evaluation/comparisonTally.ts';
import { measurePerplexity, type Perplexity } from '../../evaluation/perplexity.ts';
import { Decoder } from '../../forward/decoder.ts';
import { openTokenizer } from '../../tokenizer/textTokenizer.ts';
import { progressReporter } from '../progress.ts';
import { onUnchanged } from '../unchanged.ts';
import type { Command } from './command.ts';
import { runLength, TEXT_OPTIONS, textOption } from './evaluationOptions.ts';

export const evalCommand: Command = {
  name: 'eval',
  summary: 'perplexity of the model on a text; KL divergence from the original it was made of',
  positionals: ['FILE|DIR|INDEX.json'],
  usage: ' (--text FILE | --sample) [--against ORIGINAL] [--context N] [--sequences N] [--score all|half]',
  options: {
    ...TEXT_OPTIONS,
    sample: { type: 'boolean' },
    against: { type: 'string' },
    score: { type: 'string' },
  },
  async run({ session, positionals: [path = ''], values, signal }) {
    const { text, ...source } = await readCalibrationText(textOption(values, 'eval'));
    const score = values.score ?? 'half';
    if (score !== 'all' && score !== 'half')
      throw new QuantscopeError('USAGE', `--score takes all or half, not "${String(score)}"`);
    const model = await session.open(path, signal);
    const { checkpoint } = model;
    const tokenizer = await openTokenizer(checkpoint);
    const decoder = await Decoder.open(checkpoint, session.pool);
    const length = runLength(values, decoder.network.context);
    const { context } = length;
    const original = typeof values.against === 'string' ? await session.open(values.against, signal) : null;
    const began = performance.now();
    const options = {
      ...length,
      score,
      begin: tokenizer.begin,
      signal,
      onProgress: progressReporter(model.id, 'evaluation', (event) => session.emit('progress', event)),
    } as const;
    const ids = tokenizer.encode(text);
    const files = [...checkpoint.files, ...(original?.checkpoint.files ?? [])];
    const result: Perplexity & Partial<Comparison> = await onUnchanged(files, async () =>
      original === null
        ? measurePerplexity(decoder, ids, options)
        : compareModels(await Decoder.open(original.checkpoint, session.pool), decoder, ids, options),
    );
    const seconds = (performance.now() - began) / 1000;
    const json = {
      path: checkpoint.path,
      fingerprint: checkpoint.fingerprint,
      text: source,
      context,
      score,
      ...result,
      seconds,
    };
    const rate = Math.round((result.sequences * context) / seconds);
    const scored = score === 'half' ? 'second half of each' : 'all of each';
    return {
      ok: true,
      json,
      text: () =>
        [
          `perplexity ${plusMinus(result.perplexity, result.error, 4)} per token (loss ${result.loss.toFixed(5)} nats)`,
          ...comparisonLines(result),
          `${result.tokens} tokens scored, ${result.sequences} sequences of ${context} (${scored}), ${seconds.toFixed(1)} s, ${rate} tokens/s`,
          '',
        ].join('\n'),
    };
  },
};

function comparisonLines({ original, divergence: kl, topAgreement, topAgreementError }: Partial<Comparison>): string[] {
  if (original === undefined || kl === undefined) return [];
  const agreement = plusMinus((topAgreement ?? 0) * 100, (topAgreementError ?? 0) * 100, 2);
  return [
    `original   ${plusMinus(original.perplexity, original.error, 4)}`,
    `KL from the original ${plusMinus(kl.mean, kl.error, 6)} nats per token; 99 % below ${kl.p99.toFixed(5)}, 99.9 % below ${kl.p999.toFixed(5)}`,
    `same likeliest token ${agreement} %`,
  ];
}

function plusMinus(value: number, error: number, digits: number): string {
  return `${value.toFixed(digits)} ± ${error.toFixed(digits)}`;
}
