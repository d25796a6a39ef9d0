// `npm start [-- PATH] [-- --no-open]`: the main job on a real model — analyse, plan at 4.5 bits per weight, export a
// GGUF, verify it — with a summary; then the editor with that model's folder open.

import { spawnSync } from 'node:child_process';
import { mkdirSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { bytesText } from '../core/base/byteText.ts';
import { countText, figureText, table } from '../core/engine/commands/text.ts';
import { buildIfStale } from './buildIfStale.ts';

const SAMPLE = 'test/fixtures/sample-llama';
const TARGET_BITS_PER_WEIGHT = 4.5;
const OUTPUT_FOLDER = 'out';

interface Inspected {
  name: string;
  format: string;
  architecture: string | null;
  layers: number;
  parameters: number;
  fileBytes: number;
  tensorCount: number;
  bitsPerWeight: number;
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
  verify: { ok: boolean; compared: number; meanSqnr: number; worstSqnr: number };
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
    `\n${inspected.name}: ${inspected.format}, ${inspected.architecture ?? 'unknown architecture'}, ${inspected.layers} layers, ` +
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
      t.name,
      figureText(t.kurtosis ?? NaN),
      figureText(t.maxToMeanRatio ?? NaN),
      figureText(t.outlierFraction6 * 100),
    ]);
  console.log(table(['tensor', 'kurtosis', 'max/mean', '>6σ %'], rows));

  const stem = join(OUTPUT_FOLDER, `${basename(path).replace(/\.[^.]+$/, '')}-${TARGET_BITS_PER_WEIGHT}bpw`);
  const plan = `${stem}.quantplan.json`;
  const planned = quantscope<Planned>('plan', path, '--target-bpw', String(TARGET_BITS_PER_WEIGHT), '-o', plan);
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

  const exported = quantscope<Exported>(
    'export',
    path,
    '--plan',
    plan,
    '--format',
    'gguf',
    '-o',
    `${stem}.gguf`,
    '--overwrite',
  );
  const { verify } = exported;
  console.log(
    `Export: ${exported.output}, ${bytesText(exported.bytes)} in ${exported.seconds.toFixed(2)} s\n` +
      `Verify: ${verify.ok ? 'ok' : 'FAILED'}, ${verify.compared} tensors compared, SQNR mean ${verify.meanSqnr.toFixed(1)} dB, worst ${verify.worstSqnr.toFixed(1)} dB\n`,
  );
  if (!verify.ok) process.exit(1);
}

/** Runs one command of the built program and parses its `--json`. Ends this script when it fails. */
function quantscope<Answer>(...args: string[]): Answer {
  const { stdout, status } = spawnSync(process.execPath, ['dist/engine.js', ...args, '--json'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 2 ** 30,
  });
  const answer = stdout === '' ? null : (JSON.parse(stdout) as Answer & { error?: { message: string } });
  if (answer === null || status !== 0) {
    console.error(answer?.error?.message ?? `quantscope ${args[0]} ended with code ${status}`);
    process.exit(status || 1);
  }
  return answer;
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
