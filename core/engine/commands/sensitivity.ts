// `quantscope sensitivity`: what every type would cost every tensor, or how fragile each is by a measured score.

import type { ScoreId } from '../../protocol/calibration.ts';
import type { Importance } from '../../quant/importance.ts';
import { scoreOf } from '../../sensitivity/registry.ts';
import { importanceFor } from '../importanceFile.ts';
import { measureModelScore } from '../scoring.ts';
import { scanModelSensitivity } from '../sensitivityCall.ts';
import type { OpenModel } from '../session.ts';
import type { Command, CommandInput, Outcome } from './command.ts';
import { estimateNote, refuseTextOptions, runSettings, SCORE_OPTIONS, scoreOption } from './scoreOptions.ts';
import { figureText, printable, sqnrText, table } from './text.ts';

export const sensitivity: Command = {
  name: 'sensitivity',
  summary: 'damage of every GGUF type for every quantizable tensor, or a score measured on the running model',
  positionals: ['FILE|DIR|INDEX.json'],
  usage:
    ' [--exact] [--imatrix FILE|none] [--score ID (--text FILE | --sample) [--context N] [--sequences N] [--seed N]]',
  options: { exact: { type: 'boolean' }, imatrix: { type: 'string' }, ...SCORE_OPTIONS },
  async run(input) {
    const { session, positionals, values, signal } = input;
    const score = scoreOption(values.score, 'sensitivity');
    if (score === undefined) refuseTextOptions(values, 'sensitivity', '--score');
    const model = await session.open(positionals[0] ?? '', signal);
    const importance = await importanceFor(session, model, values.imatrix, signal);
    return score === undefined ? scan(input, model, importance) : measure(input, model, score, importance);
  },
};

async function scan(
  { session, signal }: CommandInput,
  model: OpenModel,
  importance: Importance | undefined,
): Promise<Outcome> {
  const { provenance } = await scanModelSensitivity(session, model, signal, undefined, importance);
  const tensors = model.checkpoint.tensors.flatMap(({ index, name, dtype, shape }) => {
    const row = model.sensitivity.get(index);
    return row === undefined ? [] : [{ name, dtype, shape, damages: row.damages }];
  });
  return {
    ok: true,
    json: { path: model.checkpoint.path, fingerprint: model.checkpoint.fingerprint, provenance, tensors },
    text: () => {
      const types = tensors[0]?.damages.map((d) => d.type) ?? [];
      const rows = tensors.map((t) => [printable(t.name), ...t.damages.map((d) => sqnrText(d.sqnr))]);
      return `SQNR in dB per type (higher is better); ${provenance.method}\n\n${table(['tensor', ...types], rows)}`;
    },
  };
}

async function measure(
  { session, values, signal, note }: CommandInput,
  model: OpenModel,
  id: ScoreId,
  importance: Importance | undefined,
): Promise<Outcome> {
  const settings = await runSettings(session, model, id, values, 'sensitivity');
  const { provenance, seconds, cached } = await measureModelScore(
    session,
    model,
    id,
    { settings, importance, signal },
    estimateNote(note, id),
  );
  const { checkpoint, scores } = model;
  const found = scores.get(id);
  const tensors = checkpoint.tensors.flatMap(({ index, name, dtype, shape }) => {
    const row = found?.rows.get(index);
    if (row === undefined) return [];
    const { tensor: _, ...figures } = row;
    return [{ name, dtype, shape, ...figures }];
  });
  const { path, fingerprint } = checkpoint;
  return {
    ok: true,
    json: { path, fingerprint, score: id, unit: scoreOf(id)?.unit, settings, provenance, seconds, cached, tensors },
    text: () => {
      const sorted = tensors.toSorted((a, b) => b.value - a.value);
      const rows = sorted.map((t) => [
        printable(t.name),
        figureText(t.value),
        Number.isNaN(t.error) ? 'unknown' : figureText(t.error),
        t.probe,
      ]);
      const head = `${scoreOf(id)?.name} (${scoreOf(id)?.unit}), most fragile first; ${provenance.method}`;
      return `${head}\n\n${table(['tensor', 'value', '± standard error', 'probe'], rows)}`;
    },
  };
}
