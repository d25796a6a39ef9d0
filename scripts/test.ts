// `npm test`: typecheck, lint, build, unit + parity + malformed + policy + slurm, faults, host, browser. Every stage runs even when an
// earlier one failed; the last line counts everything.

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installSoftwareAdapter } from './softwareAdapter.ts';

interface Count {
  passed: number;
  failed: number;
}
interface Stage {
  readonly name: string;
  run(): Promise<Count>;
}

const CLOSING_LINE = /^(\d+) passed, (\d+) failed/m;

const STAGES: readonly Stage[] = [
  { name: 'typecheck', run: () => check('tsc', ['-p', '.']) },
  { name: 'typecheck webview', run: () => check('tsc', ['-p', 'webview']) },
  { name: 'lint', run: () => check('biome', ['ci', '.', '--max-diagnostics=20']) },
  { name: 'build', run: () => check(process.execPath, ['scripts/build.ts']) },
  { name: 'unit', run: unit },
  { name: 'faults', run: () => counted(['test/faults/run.ts']) },
  { name: 'host', run: () => counted(['test/host/run.ts']) },
  { name: 'browser', run: () => counted(['test/browser/run.ts']) },
];

const wanted = process.argv.slice(2);
const total: Count = { passed: 0, failed: 0 };
for (const stage of STAGES.filter((s) => wanted.length === 0 || wanted.includes(s.name))) {
  console.log(`\n── ${stage.name}`);
  const began = performance.now();
  const { passed, failed } = await stage.run();
  console.log(
    `── ${stage.name}: ${passed} passed, ${failed} failed (${((performance.now() - began) / 1000).toFixed(1)} s)`,
  );
  total.passed += passed;
  total.failed += failed;
}
console.log(`\n${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 ? 0 : 1;

/** One command that passes or fails as a whole. */
async function check(command: string, args: string[]): Promise<Count> {
  const { status } = await execute(command, args);
  return status === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

async function unit(): Promise<Count> {
  const missing = installSoftwareAdapter();
  if (missing !== null) console.log(`tests of the GPU kernels are skipped: ${missing}`);
  const folder = mkdtempSync(join(tmpdir(), 'quantscope-test-'));
  const report = join(folder, 'report.json');
  const { status } = await execute('vitest', [
    'run',
    '--config',
    'test/vitest.config.ts',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ]);
  const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(report, 'utf8')) as Record<string, number>;
  rmSync(folder, { recursive: true });
  const failed = numFailedTests ?? 0;
  // A suite that could not even load fails the run without a failed test in it.
  return { passed: numPassedTests ?? 0, failed: status !== 0 && failed === 0 ? 1 : failed };
}

/** A runner of our own that ends with the closing line; one that dies before counts as a failure. */
async function counted(args: string[]): Promise<Count> {
  const { status, output } = await execute(process.execPath, args);
  const [, passed = '0', failed = '0'] = CLOSING_LINE.exec(output) ?? [];
  return { passed: Number(passed), failed: status !== 0 && failed === '0' ? 1 : Number(failed) };
}

function execute(command: string, args: string[]): Promise<{ status: number; output: string }> {
  return new Promise((resolve) => {
    let output = '';
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NO_COLOR: '1' },
    });
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk;
      process.stdout.write(chunk);
    });
    child.on('error', (error) => {
      console.error(`${command}: ${error.message}`);
      resolve({ status: 1, output });
    });
    child.on('close', (status) => resolve({ status: status ?? 1, output }));
  });
}
