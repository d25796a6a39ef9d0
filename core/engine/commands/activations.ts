// `quantscope activations`: runs the model on a text and shows what flows through it.

import { bytesText } from '../../base/byteText.ts';
import { QuantscopeError } from '../../base/errors.ts';
import type { Activations, Calibration } from '../../protocol/calibration.ts';
import { calibrate } from '../calibrating.ts';
import { activations as measuredActivations } from '../calibratingViews.ts';
import { type WrittenHessian, writeHessian } from '../hessianFile.ts';
import type { Command, CommandInput, Outcome } from './command.ts';
import { activationsOfOnnx, ONNX_OPTIONS, ONNX_USAGE } from './onnxActivations.ts';
import { SCORE_OPTIONS, textSettings } from './scoreOptions.ts';
import { figureText, printable, table } from './text.ts';

const { score: _, ...RUN_OPTIONS } = SCORE_OPTIONS;
/** Figures settle after some thousand tokens. */
const DEFAULT_SEQUENCES = '32';
const SHOWN_PER_LAYER = 3;
/** An ONNX model takes arrays, numbers or noise. */
const TEXT_ONLY = ['text', 'sample', 'context', 'sequences', 'hessian'];

export const activations: Command = {
  name: 'activations',
  summary: 'outliers, massive activations and attention sinks while the model runs on a text; XᵀX of a weight’s input',
  positionals: ['FILE|DIR|INDEX.json'],
  usage: ` (--text FILE | --sample) [--context N] [--sequences N] [--seed N] [--hessian TENSOR -o FILE.npy [--overwrite]]\n       or for ONNX: ${ONNX_USAGE}`,
  options: {
    ...RUN_OPTIONS,
    ...ONNX_OPTIONS,
    hessian: { type: 'string' },
    output: { type: 'string', short: 'o' },
    overwrite: { type: 'boolean' },
  },
  async run(input) {
    const { session, positionals, values, signal } = input;
    const model = await session.open(positionals[0] ?? '', signal);
    const isOnnx = model.checkpoint.format === 'onnx';
    const foreign = isOnnx ? TEXT_ONLY : Object.keys(ONNX_OPTIONS);
    const flag = foreign.find((name) => values[name] !== undefined);
    if (flag !== undefined)
      throw new QuantscopeError(
        'USAGE',
        `activations: --${flag} is for ${isOnnx ? 'models run on text' : 'ONNX models'}`,
      );
    if (isOnnx) return activationsOfOnnx(session, model, values, signal);
    const wished = { sequences: DEFAULT_SEQUENCES, ...values };
    const settings = await textSettings(session, model, wished, 'activations');
    if (typeof values.hessian === 'string') return hessian(input, model, values.hessian, settings);
    const began = performance.now();
    const calibration = await calibrate(session, model, settings, signal);
    const found = await measuredActivations(session, model);
    const seconds = (performance.now() - began) / 1000;
    const { path, fingerprint } = model.checkpoint;
    return {
      ok: true,
      json: { path, fingerprint, calibration, ...found, seconds },
      text: () => activationsText(calibration, found, seconds),
    };
  },
};

async function hessian(
  { session, values, signal }: CommandInput,
  model: Parameters<typeof writeHessian>[1],
  tensor: string,
  settings: Parameters<typeof writeHessian>[2]['settings'],
): Promise<Outcome> {
  const { output } = values;
  if (typeof output !== 'string') throw new QuantscopeError('USAGE', 'activations: --hessian needs -o FILE.npy');
  const wish = { tensor, output, overwrite: values.overwrite === true, settings };
  const written = await writeHessian(session, model, wish, signal);
  return { ok: true, json: { path: model.checkpoint.path, tensor, ...written }, text: () => hessianText(written) };
}

function hessianText({ output, bytes, columns, rows, layer, tap }: WrittenHessian): string {
  return `written: ${printable(output)}, XᵀX of ${tap} in layer ${layer}, ${columns} × ${columns} float64, sum over ${rows} tokens, ${bytesText(bytes)}\n`;
}

function activationsText(calibration: Calibration, found: Activations, seconds: number): string {
  const rows = found.rows
    .toSorted((a, b) => b.channelRatio - a.channelRatio)
    .map(({ layer, tap, columns, ...row }) => [
      `${layer} ${tap}`,
      String(columns),
      ...[row.absMax, row.mean, row.std, row.kurtosis, row.maxToMeanRatio, row.channelRatio].map(figureText),
    ]);
  return [
    `${calibration.provenance.method}; on ${calibration.device}, ${seconds.toFixed(1)} s`,
    '',
    table(['layer input', 'channels', '|x| max', 'mean', 'std', 'kurtosis', 'max/mean', 'channel ratio'], rows),
    ...listed(
      'massive activations',
      ['layer', 'position', 'channel', 'token', 'value', 'times the median'],
      massive(found),
    ),
    ...listed('attention sinks', ['layer', 'position', 'token', 'share'], sinks(found)),
    ...(found.expertHits.length === 0
      ? []
      : listed('tokens per expert', ['layer', 'fewest', 'most', 'never reached'], hits(found))),
  ].join('\n');
}

function listed(title: string, head: readonly string[], rows: readonly string[][]): string[] {
  return [rows.length === 0 ? `no ${title}\n` : `${title}:\n${table(head, rows)}`];
}

/** The largest of every layer: they repeat from one to the next, in all their places. JSON has all. */
function massive({ massive }: Activations): string[][] {
  const shown = massive.filter(({ layer }, at) => massive[at - SHOWN_PER_LAYER]?.layer !== layer);
  return shown.map(({ layer, position, channel, token, value, ratio }) => [
    ...[layer, position, channel].map(String),
    JSON.stringify(printable(token)),
    figureText(value),
    figureText(ratio),
  ]);
}

function sinks({ sinks }: Activations): string[][] {
  return sinks.map(({ layer, position, token, share }) => [
    ...[layer, position].map(String),
    token === '' ? 'varies' : JSON.stringify(printable(token)),
    figureText(share),
  ]);
}

function hits({ expertHits }: Activations): string[][] {
  return expertHits.map(({ layer, hits }) =>
    [layer, Math.min(...hits), Math.max(...hits), hits.filter((count) => count === 0).length].map(String),
  );
}
