// "Run on the cluster", on a real Slurm: refused, put right, tried again, watched in the list until it is verified.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Locator } from 'playwright-core';
import { startWorkbench, type WorkbenchOptions } from '../../scripts/workbench/workbench.ts';
import { startCluster } from '../slurm/cluster.ts';
import type { Check, Checks } from './checks.ts';
import { screenshot } from './screenshots.ts';
import { WorkbenchPage, writeSettings } from './workbenchPage.ts';

const TITLE = 'cluster';
const WORK_MS = 60_000;
/** Two shards, and a last step that reads everything back, on a machine that does other things. */
const JOB_MS = 240_000;
const DRAWN_MS = 700;

/** With a workbench of its own, whose extension finds the cluster; without one, says why and checks nothing. */
export async function onCluster(checks: Checks, browser: Browser, options: WorkbenchOptions): Promise<void> {
  if (checks.skips(TITLE)) return;
  const cluster = await startCluster();
  if (typeof cluster === 'string') {
    console.log(`- ${TITLE}: skipped: ${cluster}`);
    return;
  }
  await using _ = cluster;
  const { SLURM_CONF = '' } = cluster.environment;
  const workbench = await startWorkbench({ ...options, env: { ...options.env, SLURM_CONF } });
  try {
    const window = await WorkbenchPage.open(browser, workbench.url);
    const onFailure = (name: string): Promise<void> => screenshot(window.page, `failed-${name.replace(/\W+/g, '-')}`);
    await checks.chain(TITLE, steps(window, options.folder), onFailure);
  } finally {
    await workbench.stop();
  }
}

function steps(workbench: WorkbenchPage, folder: string): Check[] {
  const { page } = workbench;
  const job = join(folder, 'cluster.job');
  const pane = page.locator('.pane').filter({ has: page.locator('.pane-header', { hasText: 'Jobs' }) });
  const row = (name: string | RegExp): Locator => pane.locator('.monaco-list-row').filter({ hasText: name }).first();
  const notice = (text: string): Locator =>
    page.locator('.notifications-center .monaco-list-row').filter({ hasText: text }).first();
  const settings = (partition: string): void =>
    writeSettings(folder, {
      'workbench.colorTheme': 'Default Dark Modern',
      'quantscope.jobs.slurm': { shards: 2, partition, cpus: 1 },
    });

  return [
    {
      name: 'a partition that does not exist is refused by sbatch, in its words, and nothing is made',
      async run() {
        settings('nowhere');
        await workbench.expand('large');
        await workbench.chooseInContextMenu('large.quantplan.json', 'Run as a Job…');
        await workbench.choose('GGUF');
        await workbench.choose('on the cluster');
        await workbench.saveAs(job);
        await workbench.command('Notifications: Show Notifications');
        await notice('invalid partition').waitFor({ timeout: WORK_MS });
        await screenshot(page, 'cluster-refused');
        assert.equal(existsSync(job), false);
      },
    },
    {
      name: 'put right, it is tried again with the same answers; the list tells of its shards',
      async run() {
        settings('test');
        await page.waitForTimeout(DRAWN_MS); // the workbench reads settings a moment after they are written
        await notice('invalid partition').getByRole('button', { name: 'Retry' }).click();
        await row('cluster')
          .filter({ hasText: /waiting|quantizing|verifying/ })
          .waitFor({ timeout: WORK_MS });
        await row('cluster').click();
        await row(/^Queue/)
          .filter({ hasText: 'Slurm job' })
          .waitFor({ timeout: WORK_MS });
        await row('cluster')
          .filter({ hasText: /(quantizing|verifying) \d+ %/ })
          .waitFor({ timeout: JOB_MS });
        // Told by the shards' own journals.
        await row(/^(blk|token_embd|output).* · /).waitFor({ timeout: JOB_MS });
        await screenshot(page, 'cluster-running');
      },
    },
    {
      name: 'the last step verifies, and its end is told once',
      async run() {
        await row('cluster').filter({ hasText: 'bpw' }).waitFor({ timeout: JOB_MS });
        await workbench.command('Notifications: Show Notifications');
        await notice('is finished').waitFor({ timeout: WORK_MS });
        await screenshot(page, 'cluster-finished');
        const launch = JSON.parse(readFileSync(join(job, 'launch.json'), 'utf8')) as { launcher: string };
        assert.equal(launch.launcher, 'slurm');
        assert.match(readFileSync(join(job, 'journal.ndjson'), 'utf8'), /"type":"succeeded"/);
        assert.ok(existsSync(join(job, 'out', 'large.gguf')));
      },
    },
  ];
}
