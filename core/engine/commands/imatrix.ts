// `quantscope imatrix`: runs the model on a text and writes down which input columns of its weights matter.

import { QuantscopeError } from '../../base/errors.ts';
import { tokensOf } from '../../calibration/calibrationSet.ts';
import { readCalibrationText } from '../../calibration/calibrationText.ts';
import { collectImportance, importanceEntries } from '../../calibration/collectImportance.ts';
import { imatrixBytes, writeImatrix } from '../../export/gguf/imatrixFile.ts';
import { inputsOf } from '../../export/inputsOf.ts';
import { Decoder } from '../../forward/decoder.ts';
import { checkOutputIsNew, checkOutputIsNotInput } from '../../io/outputPath.ts';
import { ggufName } from '../../model/ggufNames.ts';
import { openTokenizer } from '../../tokenizer/textTokenizer.ts';
import { seedOption } from '../numberOption.ts';
import { progressReporter } from '../progress.ts';
import { onUnchanged } from '../unchanged.ts';
import type { Command } from './command.ts';
import { runLength, TEXT_OPTIONS, textOption } from './evaluationOptions.ts';
import { printable } from './text.ts';

export const imatrix: Command = {
  name: 'imatrix',
  summary: 'importance matrix: mean squares of what every weight multiplies, on a text',
  positionals: ['FILE|DIR|INDEX.json'],
  usage: ' (--text FILE | --sample) [--context N] [--sequences N] [--seed N] -o NAME.gguf|NAME.dat [--overwrite]',
  options: {
    ...TEXT_OPTIONS,
    sample: { type: 'boolean' },
    seed: { type: 'string' },
    output: { type: 'string', short: 'o' },
    overwrite: { type: 'boolean' },
  },
  async run({ session, positionals: [path = ''], values, signal }) {
    const { output } = values;
    if (typeof output !== 'string') throw new QuantscopeError('USAGE', 'imatrix: -o is missing');
    const text = await readCalibrationText(textOption(values, 'imatrix'));
    const model = await session.open(path, signal);
    const { checkpoint } = model;
    await checkOutputIsNotInput(output, inputsOf(checkpoint));
    if (values.overwrite !== true) await checkOutputIsNew(output);
    const tokenizer = await openTokenizer(checkpoint);
    const decoder = await Decoder.open(checkpoint, session.pool);
    const length = runLength(values, decoder.network.context);
    const ids = await tokensOf(text, tokenizer);
    const began = performance.now();
    const measured = await onUnchanged(checkpoint.files, () =>
      collectImportance(decoder, ids, {
        ...length,
        seed: seedOption(values.seed),
        begin: tokenizer.begin,
        signal,
        onProgress: progressReporter(model.id, 'calibration', (event) => session.emit('progress', event)),
      }),
    );
    const { architecture } = checkpoint.model;
    const file = {
      entries: importanceEntries(measured, checkpoint, (name) => ggufName(name, architecture)),
      dataset: text.name,
      chunks: measured.sequences,
      chunkTokens: length.context,
    };
    const bytes = imatrixBytes(file, output);
    await writeImatrix(output, bytes);
    const seconds = (performance.now() - began) / 1000;
    const { tokens, sequences } = measured;
    return {
      ok: true,
      json: {
        output,
        bytes: bytes.length,
        fingerprint: checkpoint.fingerprint,
        text: { name: text.name, sha256: text.sha256 },
        context: length.context,
        sequences,
        tokens,
        tensors: file.entries.length,
        seconds,
      },
      text: () =>
        `written: ${printable(output)}, ${file.entries.length} weights, ${tokens} tokens in ${sequences} sequences of ${length.context}, ${seconds.toFixed(1)} s\n`,
    };
  },
};
