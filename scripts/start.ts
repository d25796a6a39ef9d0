// `npm start [-- PATH] [-- --no-open]`: the main job on a real model — analyse, plan at 4.5 bits per weight, export a
// GGUF, verify it — with a summary; then the editor with that model's folder open.

import { spawnSync } from 'node:child_process';
import { mkdirSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { bytesText } from '../core/base/byteText.ts';
import { countText, figureText, printable, table } from '../core/engine/commands/text.ts';
import { buildIfStale } from './buildIfStale.ts';

const SAMPLE = 'test/fixtures/sample-llama';
/** The first that the model can come to: narrow tensors have no small block types. */
const TARGETS_BITS_PER_WEIGHT = [4.5, 8.5, 16.5, 33] as const;
const OUTPUT_FOLDER = 'out';
const PLAN_SUFFIX = '.quantplan.json';

interface Inspected {
  name: string;
  format: string;
  architecture: string | null;
  layers: number;
  parameters: number;
  fileBytes: number;
  tensorCount: number;
  bitsPerWeight: number;
  ggufBlocker: string | null;
}
interface Figures {
  tensors: { name: string; kurtosis: number | null; maxToMeanRatio: number | null; outlierFraction6: number }[];
}
interface Planned {
  bytes: number;
  bitsPerWeight: number;
  damage: number;
  gap: number;
  solveMs: number;
  feasible: { minBytes: number; maxBytes: number };
  tensors: { type: string }[];
}
interface Exported {
  output: string;
  bytes: number;
  seconds: number;
  verify: { ok: boolean; compared: number; meanSqnr: number | null; worstSqnr: number | null };
}

const { values, positionals } = parseArgs({ allowPositionals: true, options: { 'no-open': { type: 'boolean' } } });
buildIfStale(values['no-open'] ? ['kernels', 'host'] : undefined);
const model = resolve(positionals[0] ?? SAMPLE);
mainJob(model);
if (!values['no-open']) await openEditor(model);

function mainJob(path: string): void {
  mkdirSync(OUTPUT_FOLDER, { recursive: true });
  const inspected = quantscope<Inspected>('inspect', path);
  console.log(
    `\n${printable(inspected.name)}: ${inspected.format}, ${inspected.architecture ?? 'unknown architecture'}, ${inspected.layers} layers, ` +
      `${countText(inspected.parameters)} parameters, ${bytesText(inspected.fileBytes)}, ${inspected.bitsPerWeight.toFixed(2)} bits per weight`,
  );
  const figures = quantscope<Figures>('stats', path, '--no-profiles');
  console.log('\nMost outlier-prone tensors (excess kurtosis):');
  const worst = figures.tensors
    .filter((t) => t.kurtosis !== null)
    .sort((a, b) => (b.kurtosis ?? 0) - (a.kurtosis ?? 0));
  const rows = worst
    .slice(0, 5)
    .map((t) => [
      printable(t.name),
      figureText(t.kurtosis ?? NaN),
      figureText(t.maxToMeanRatio ?? NaN),
      figureText(t.outlierFraction6 * 100),
    ]);
  console.log(table(['tensor', 'kurtosis', 'max/mean', '>6σ %'], rows));

  const { stem, planned } = planWithinReach(path);
  console.log(
    `Plan: ${bytesText(planned.bytes)} = ${planned.bitsPerWeight.toFixed(3)} bits per weight ` +
      `(possible: ${bytesText(planned.feasible.minBytes)} to ${bytesText(planned.feasible.maxBytes)}), ` +
      `damage ${figureText(planned.damage)} (estimated from the weights alone), gap to optimum ${figureText(planned.gap)}, solved in ${planned.solveMs.toFixed(1)} ms`,
  );
  const mix = new Map<string, number>();
  for (const { type } of planned.tensors) mix.set(type, (mix.get(type) ?? 0) + 1);
  console.log(
    `      ${[...mix]
      .sort((a, b) => b[1] - a[1])
      .map(([type, n]) => `${type} × ${n}`)
      .join(', ')}`,
  );

  if (inspected.ggufBlocker !== null) console.log(`${inspected.ggufBlocker}; exporting simulated safetensors instead`);
  const format = inspected.ggufBlocker === null ? 'gguf' : 'safetensors';
  const destination = ['--format', format, '-o', `${stem}.${format}`, '--overwrite'];
  const exported = quantscope<Exported>('export', path, '--plan', `${stem}${PLAN_SUFFIX}`, ...destination);
  const { verify } = exported;
  console.log(
    `Export: ${exported.output}, ${bytesText(exported.bytes)} in ${exported.seconds.toFixed(2)} s\n` +
      `Verify: ${verify.ok ? 'ok' : 'FAILED'}, ${verify.compared} tensors compared, SQNR mean ${decibels(verify.meanSqnr)}, worst ${decibels(verify.worstSqnr)}\n`,
  );
  if (!verify.ok) process.exit(1);
}

/** @returns where the plan was written, without its suffix, and the plan */
function planWithinReach(path: string): { stem: string; planned: Planned } {
  const name = basename(path).replace(/\.[^.]+$/, '');
  for (const target of TARGETS_BITS_PER_WEIGHT) {
    const stem = join(OUTPUT_FOLDER, `${name}-${target}bpw`);
    const planned = attempt<Planned>('plan', path, '--target-bpw', String(target), '-o', `${stem}${PLAN_SUFFIX}`);
    if ('bytes' in planned) return { stem, planned };
    console.log(planned.error.message);
    if (planned.error.code !== 'BUDGET_INFEASIBLE') break;
  }
  process.exit(1);
}

/** An SQNR without error is infinite, which JSON writes as null. */
function decibels(value: number | null): string {
  return value === null ? '∞ dB' : `${value.toFixed(1)} dB`;
}

/** As `attempt`, but ends this script when the command fails. */
function quantscope<Answer extends object>(...args: string[]): Answer {
  const answer = attempt<Answer>(...args);
  if (!('error' in answer)) return answer;
  console.error(answer.error.message);
  process.exit(1);
}

interface Failed {
  error: { code: string; message: string };
}

/** Runs one command of the built program and parses its `--json`. */
function attempt<Answer extends object>(...args: string[]): Answer | Failed {
  const { stdout, status } = spawnSync(process.execPath, ['dist/engine.js', ...args, '--json'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 2 ** 30,
  });
  if (stdout !== '') return JSON.parse(stdout) as Answer | Failed;
  return { error: { code: 'INTERNAL', message: `quantscope ${args[0]} ended with code ${status}` } };
}

/** Desktop VS Code where there is one, else the real workbench served on this machine. */
async function openEditor(path: string): Promise<void> {
  const folder = statSync(path).isDirectory() ? path : dirname(path);
  const code = spawnSync('code', [`--extensionDevelopmentPath=${process.cwd()}`, folder], { stdio: 'ignore' });
  if (code.status === 0) {
    console.log('Opened in VS Code: right-click the model and choose "Quantscope: Analyze Model".');
    return;
  }
  const { startWorkbench } = await import('./workbench/workbench.ts');
  const workbench = await startWorkbench({ folder, extensionPath: process.cwd() });
  console.log(
    `The editor is served at\n\n  ${workbench.url}\n\nRight-click the model there and choose "Quantscope: Analyze Model". Ctrl+C ends it.`,
  );
}
