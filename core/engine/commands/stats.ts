// `quantscope stats`: every figure of every tensor.

import { QuantscopeError } from '../../base/errors.ts';
import { matchNames } from '../../base/matchNames.ts';
import { tensorProfile } from '../../stats/profile.ts';
import { scanStatistics } from '../../stats/scan.ts';
import type { TensorProfile, TensorStatistics } from '../../stats/statisticsTypes.ts';
import { progressReporter } from '../progress.ts';
import { onUnchanged } from '../unchanged.ts';
import type { Command } from './command.ts';
import { figureText, printable, table } from './text.ts';

export const stats: Command = {
  name: 'stats',
  summary: 'moments, outliers, histogram and channel profiles of every tensor',
  positionals: ['FILE|DIR|INDEX.json'],
  usage: ' [--tensor REGEX] [--no-profiles]',
  options: { tensor: { type: 'string' }, 'no-profiles': { type: 'boolean' } },
  async run({ session, positionals: [path = ''], values, signal }) {
    const model = await session.open(path, signal);
    const { checkpoint } = model;
    const pattern = typeof values.tensor === 'string' ? values.tensor : undefined;
    const names = checkpoint.tensors.map((t) => t.name);
    const matches = pattern === undefined ? names.map(() => true) : matchNames(pattern, names, '--tensor');
    const wanted = checkpoint.tensors.filter((_, at) => matches[at]);
    if (pattern !== undefined && wanted.length === 0)
      throw new QuantscopeError(
        'TENSOR_NOT_FOUND',
        `${path}: no tensor name matches /${pattern}/ (${checkpoint.tensors.length} tensors)`,
      );
    const wantProfiles = values.json === true && values['no-profiles'] !== true;
    const found = new Map<number, TensorStatistics>();
    const report = progressReporter(model.id, 'statistics', (event) => session.emit('progress', event));
    await onUnchanged(checkpoint.files, () =>
      scanStatistics(checkpoint, session.pool, {
        tensors: wanted.map((t) => t.index),
        signal,
        onRow: (index, statistics) => found.set(index, statistics),
        onProgress: report,
      }),
    );
    const tensors: ({ name: string; dtype: string; shape: readonly number[] } & TensorStatistics &
      Partial<TensorProfile>)[] = [];
    for (const t of wanted) {
      const statistics = found.get(t.index);
      if (statistics === undefined) continue;
      const profile = wantProfiles ? await tensorProfile(checkpoint, session.pool, t.index, signal) : {};
      tensors.push({ name: t.name, dtype: t.dtype, shape: t.shape, ...statistics, ...profile });
    }
    return {
      ok: true,
      json: { path: checkpoint.path, fingerprint: checkpoint.fingerprint, tensors },
      text: () =>
        table(
          ['tensor', 'dtype', 'shape', 'mean', 'std', 'absMax', 'kurtosis', 'max/mean', '>3σ %', '>6σ %', 'NaN', 'inf'],
          tensors.map((t) => [
            printable(t.name),
            t.dtype,
            t.shape.join('×'),
            figureText(t.mean),
            figureText(t.std),
            figureText(t.absMax),
            figureText(t.kurtosis),
            figureText(t.maxToMeanRatio),
            figureText(t.outlierFraction3 * 100),
            figureText(t.outlierFraction6 * 100),
            String(t.nan),
            String(t.inf),
          ]),
        ),
    };
  },
};
