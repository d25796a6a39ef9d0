// `quantscope activations MODEL.onnx`: the model run as it is, on arrays, numbers or seeded noise.

import { QuantscopeError } from '../../base/errors.ts';
import { type OnnxTap, onnxActivations } from '../../calibration/onnxActivations.ts';
import { onnxFeeds } from '../../calibration/onnxInputs.ts';
import { readLinearInputs } from '../../checkpoint/onnx/linearInputs.ts';
import { OnnxModel } from '../../forward/onnxModel.ts';
import { seedOption, wholeOption } from '../numberOption.ts';
import { progressReporter } from '../progress.ts';
import type { OpenModel, Session } from '../session.ts';
import { onUnchanged } from '../unchanged.ts';
import type { OptionValues, Outcome } from './command.ts';
import { figureText, printable, table } from './text.ts';

/** Inputs of all runs are made before the first. */
const MAX_RUNS = 10_000;

export const ONNX_OPTIONS = {
  input: { type: 'string', multiple: true },
  size: { type: 'string', multiple: true },
  runs: { type: 'string' },
} as const;

export const ONNX_USAGE = '[--input NAME=FILE|NUMBER]… [--size DIMENSION=N]… [--runs N] [--seed N]';

/** @throws UNSUPPORTED_ARCHITECTURE when the runtime cannot run it, SHAPE_INVALID naming the input, USAGE */
export async function activationsOfOnnx(
  session: Session,
  model: OpenModel,
  values: OptionValues,
  signal: AbortSignal,
): Promise<Outcome> {
  const { checkpoint } = model;
  const path = checkpoint.files[0]?.path ?? checkpoint.path;
  const seed = seedOption(values.seed);
  const runs = wholeOption(values.runs, '--runs', MAX_RUNS) ?? 1;
  const given = pairs(values.input, '--input');
  const sizes = new Map(
    [...pairs(values.size, '--size')].map(([name, text]) => [name, wholeOption(text, '--size') ?? 1]),
  );
  const began = performance.now();
  const { inputs, unreachable } = await readLinearInputs(path, signal);
  if (inputs.length === 0) {
    const inside = unreachable > 0 ? `; ${unreachable} are inside control flow` : '';
    throw new QuantscopeError(
      'UNSUPPORTED_ARCHITECTURE',
      `${checkpoint.name}: no operator multiplies a stored weight in its main graph${inside}`,
    );
  }
  const names = inputs.map(({ value }) => value);
  await using onnx = await OnnxModel.open(path, names, session.pool.threads, signal);
  const feeds: Awaited<ReturnType<typeof onnxFeeds>>[] = [];
  for (let run = 0; run < runs; run++)
    feeds.push(await onnxFeeds(onnx.inputs, { given, sizes, seed: seed + run }, session.pool, signal));
  const taps = await onUnchanged(checkpoint.files, () =>
    onnxActivations(onnx, inputs, feeds, {
      signal,
      onProgress: progressReporter(model.id, 'calibration', (event) => session.emit('progress', event)),
    }),
  );
  const seconds = (performance.now() - began) / 1000;
  const shapes = [...(feeds[0] ?? [])].map(([name, { dimensions }]) => ({
    name,
    dimensions,
    given: given.get(name) ?? null,
  }));
  return {
    ok: true,
    json: {
      path: checkpoint.path,
      fingerprint: checkpoint.fingerprint,
      inputs: shapes,
      seed,
      runs,
      unreachable,
      taps: taps.map(rowOf),
      seconds,
    },
    text: () => textOf(taps, shapes, { runs, seed, unreachable, seconds }),
  };
}

function rowOf({ value, operator, weights, moments }: OnnxTap) {
  return { value, operator, weights, columns: moments.columns, rows: moments.rows, ...moments.whole() };
}

function textOf(
  taps: readonly OnnxTap[],
  shapes: readonly { name: string; dimensions: readonly number[]; given: string | null }[],
  { runs, seed, unreachable, seconds }: { runs: number; seed: number; unreachable: number; seconds: number },
): string {
  const rows = taps
    .map(rowOf)
    .toSorted((a, b) => b.channelRatio - a.channelRatio)
    .map((row) => [
      printable(row.weights.join(', ')),
      row.operator,
      String(row.columns),
      ...[row.absMax, row.std, row.kurtosis, row.maxToMeanRatio, row.channelRatio].map(figureText),
    ]);
  const fed = shapes.map(
    ({ name, dimensions, given }) =>
      `${printable(name)} [${dimensions.join(', ')}] ${given === null ? 'noise' : printable(given)}`,
  );
  const hidden = unreachable > 0 ? `; ${unreachable} more operators are inside control flow` : '';
  return [
    `inputs: ${fed.join('; ')}; ${runs} ${runs === 1 ? 'run' : 'runs'} from seed ${seed}, ${seconds.toFixed(1)} s${hidden}`,
    '',
    table(['weights', 'operator', 'channels', '|x| max', 'std', 'kurtosis', 'max/mean', 'channel ratio'], rows),
  ].join('\n');
}

function pairs(values: OptionValues[string], flag: string): Map<string, string> {
  const list = Array.isArray(values) ? values.map(String) : [];
  return new Map(
    list.map((text) => {
      const at = text.indexOf('=');
      if (at <= 0) throw new QuantscopeError('USAGE', `${flag} takes NAME=VALUE, not "${text}"`);
      return [text.slice(0, at), text.slice(at + 1)] as const;
    }),
  );
}
