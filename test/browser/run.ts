// Drives the real workbench in Chromium through the main job, broken files and every theme; then the view on its own.
// Arguments are titles of the parts to run, such as jobs; none: all.

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launchBrowser } from '../../scripts/workbench/browser.ts';
import { startWorkbench } from '../../scripts/workbench/workbench.ts';
import { writeLargeModel } from '../host/largeModel.ts';
import { createWorkspace, removeWorkspace } from '../host/workspaceFolder.ts';
import { appearance } from './appearance.ts';
import { brokenFiles } from './brokenFiles.ts';
import { Checks } from './checks.ts';
import { formats } from './formats.ts';
import { jobQueue } from './jobQueue.ts';
import { jobs } from './jobs.ts';
import { mainJob, OUTPUT_NAME } from './mainJob.ts';
import { restricted } from './restricted.ts';
import { runningModel } from './runningModel.ts';
import { SCREENSHOT_FOLDER, screenshot } from './screenshots.ts';
import { sideBar } from './sideBar.ts';
import { onCluster } from './slurm.ts';
import { WorkbenchPage, writeSettings } from './workbenchPage.ts';

const extensionPath = fileURLToPath(new URL('../..', import.meta.url)).replace(/[\\/]$/, '');
const checks = new Checks(process.argv.slice(2));
const cache = mkdtempSync(join(tmpdir(), 'quantscope-cache-'));
const folder = createWorkspace();
writeLargeModel(join(folder, 'large'));
writeSettings(folder, { 'workbench.colorTheme': 'Default Dark Modern' });

try {
  const env = { QUANTSCOPE_CACHE: cache, QUANTSCOPE_STATE: join(cache, 'state') };
  const browser = await launchBrowser();
  const workbench = await startWorkbench({ folder, extensionPath, env });
  try {
    const window = await WorkbenchPage.open(browser, workbench.url);
    const onFailure = (name: string): Promise<void> => screenshot(window.page, `failed-${name.replace(/\W+/g, '-')}`);
    await checks.chain('main job', mainJob(window, folder), onFailure);
    await checks.chain('running model', runningModel(window, folder), onFailure);
    await checks.chain('side bar', sideBar(window, OUTPUT_NAME), onFailure);
    await checks.each('formats', formats(window), onFailure);
    await checks.chain('broken files', brokenFiles(window), onFailure);
    await checks.each('appearance', appearance(window, folder), onFailure);
    const other = await WorkbenchPage.open(browser, workbench.url);
    await checks.chain('jobs', jobs(other, folder), (name) =>
      screenshot(other.page, `failed-${name.replace(/\W+/g, '-')}`),
    );
    const third = await WorkbenchPage.open(browser, workbench.url);
    await checks.chain('job queue', jobQueue(third, folder), (name) =>
      screenshot(third.page, `failed-${name.replace(/\W+/g, '-')}`),
    );
  } finally {
    await workbench.stop();
  }
  await onCluster(checks, browser, { folder, extensionPath, env });
  const untrusting = await startWorkbench({ folder, extensionPath, env, workspaceTrust: true });
  try {
    const window = await WorkbenchPage.open(browser, untrusting.url);
    const onFailure = (name: string): Promise<void> => screenshot(window.page, `failed-${name.replace(/\W+/g, '-')}`);
    await checks.chain('restricted workspace', restricted(window), onFailure);
  } finally {
    await untrusting.stop();
    await browser.close();
  }
} catch (error) {
  checks.failed++;
  console.log(`✗ the workbench\n${error instanceof Error ? error.stack : error}`);
} finally {
  rmSync(cache, { recursive: true, force: true });
  removeWorkspace(folder);
}

const harness = fileURLToPath(new URL('harness/run.ts', import.meta.url));
if (existsSync(harness)) {
  const { runHarness } = (await import(harness)) as { runHarness(checks: Checks): Promise<void> };
  await runHarness(checks);
}

console.log(`screenshots in ${SCREENSHOT_FOLDER}`);
console.log(`${checks.passed} passed, ${checks.failed} failed`);
process.exitCode = checks.failed === 0 ? 0 : 1;
