// Entry of the suite that runs inside a real VS Code: mocha over the files below, results into a report file.

import { writeFileSync } from 'node:fs';
import Mocha from 'mocha';
import type { HostReport } from '../report.ts';
import { activationTests } from './activation.ts';
import { commandTests } from './commands.ts';
import { editorTests } from './editor.ts';
import { engineTests } from './engine.ts';
import { formatTests } from './formats.ts';
import { jobTests } from './jobs.ts';

const TEST_TIMEOUT_MS = 60_000;

/** Called by VS Code. Rejects when a test failed. */
export async function run(): Promise<void> {
  const mocha = new Mocha({ ui: 'bdd', timeout: TEST_TIMEOUT_MS, reporter: 'min' });
  mocha.suite.emit('pre-require', globalThis, '', mocha);
  activationTests();
  editorTests();
  formatTests();
  commandTests();
  engineTests();
  jobTests();
  const report: HostReport = { passed: [], failed: [] };
  await new Promise<void>((resolve) => {
    mocha
      .run(() => resolve())
      .on('pass', (test) => report.passed.push(test.fullTitle()))
      .on('fail', (test, error: Error) =>
        report.failed.push({ title: test.fullTitle(), message: error.stack ?? error.message }),
      );
  });
  const path = process.env.QUANTSCOPE_HOST_REPORT;
  if (path) writeFileSync(path, JSON.stringify(report));
  if (report.failed.length > 0) throw new Error(`${report.failed.length} failed`);
}
