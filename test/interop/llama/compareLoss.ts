// What quantization costs in likelihood, measured by real llama.cpp: the README's and ADR 3's table.
// By hand: node test/interop/llama/compareLoss.ts TEXT.txt ORIGINAL.gguf MODEL.gguf…  (the first model is the reference)

import { readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { table } from '../../../core/engine/commands/text.ts';
import { passageLosses } from './generate.ts';

const PASSAGES = 60;
const PASSAGE_CHARACTERS = 540;
const SPACING_CHARACTERS = 1800;
/** The sample's held-out part: the last tenth of its text. */
const HELD_OUT_FROM = 0.9;

const [textPath, ...models] = process.argv.slice(2);
if (textPath === undefined || models.length < 2) {
  console.error('usage: compareLoss.ts TEXT.txt ORIGINAL.gguf MODEL.gguf…');
  process.exit(2);
}
const text = readFileSync(textPath, 'utf8');
const heldOut = text.slice(Math.floor(text.length * HELD_OUT_FROM));
const passages = Array.from({ length: PASSAGES }, (_, i) =>
  heldOut.slice(i * SPACING_CHARACTERS, i * SPACING_CHARACTERS + PASSAGE_CHARACTERS),
).filter((passage) => passage.length === PASSAGE_CHARACTERS);

const losses = await passageLosses(models, passages);
const reference = losses[0] ?? [];
const rows = losses.map((loss, at) => {
  const path = models[at] ?? '';
  const { mean, standardError } = summary(loss.map((nats, i) => nats - (reference[i] ?? Number.NaN)));
  const perplexity = Math.exp(summary(loss).mean).toFixed(3);
  return [basename(path), String(statSync(path).size), perplexity, mean.toFixed(5), standardError.toFixed(5)];
});
console.log(table(['model', 'bytes', 'perplexity', 'nats lost', '± standard error'], rows));

function summary(values: readonly number[]): { mean: number; standardError: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  return { mean, standardError: Math.sqrt(variance / values.length) };
}
