// Two jobs on one machine: one at work, whose log can be read and followed, and one that waits its turn, through a reload.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Locator } from 'playwright-core';
import { hasOutputPanel } from '../../scripts/workbench/install.ts';
import type { Check } from './checks.ts';
import { screenshot } from './screenshots.ts';
import { type WorkbenchPage, writeSettings } from './workbenchPage.ts';

const WORK_MS = 60_000;
/** What the first job takes, on a machine that does other things. */
const JOB_MS = 180_000;
const DRAWN_MS = 700;
/** A tensor that was written, of whichever job; spaces are drawn as ones that do not break. */
const UNIT = /\d\d:\d\d:\d\d\.\d{3}Z\s\[info\]\s\w+\sunit\sseq=\d+\s.*bytes=\d+\scrc32=[0-9a-f]{8}/;

/** @param folder holds `large/`. The window shows the Explorer. */
export function jobQueue(workbench: WorkbenchPage, folder: string): Check[] {
  const { page } = workbench;
  const pane = page.locator('.pane').filter({ has: page.locator('.pane-header', { hasText: 'Jobs' }) });
  const row = (name: string | RegExp): Locator => pane.locator('.monaco-list-row').filter({ hasText: name }).first();
  const status = page.locator('.statusbar-item').filter({ hasText: /\d jobs?\b/ });
  const lines = page.locator('.output-view .view-line');
  /** Held still, the first job cannot end before everything about it has been seen. */
  let runner = 0;
  const signal = (name: 'SIGSTOP' | 'SIGCONT'): void => {
    process.kill(runner, name);
  };
  /** A failed check must leave no process that waits for ever; harmless to one that has ended. */
  const letGo = (): void => {
    try {
      signal('SIGCONT');
    } catch {}
  };
  const start = async (name: string): Promise<void> => {
    await workbench.expand('large');
    await workbench.chooseInContextMenu('large.quantplan.json', 'Run as a Job…');
    await workbench.choose('GGUF');
    await workbench.choose('on this machine');
    await workbench.saveAs(join(folder, `${name}.job`));
  };

  return [
    {
      name: 'the second waits until the first is done',
      async run() {
        writeSettings(folder, { 'workbench.colorTheme': 'Default Dark Modern', 'quantscope.jobs.threads': 1 });
        await start('first');
        await row('first')
          .filter({ hasText: /quantizing|preparing/ })
          .waitFor({ timeout: WORK_MS });
        const claim = readFileSync(join(folder, 'first.job', 'runners', '000001.json'), 'utf8');
        runner = (JSON.parse(claim) as { pid: number }).pid;
        signal('SIGSTOP');
        process.once('exit', letGo);
        await workbench.command('View: Show Explorer');
        await start('second');
        await row('second').filter({ hasText: 'waiting · 1 job before it' }).waitFor({ timeout: WORK_MS });
      },
    },
    {
      name: 'after a reload the status bar tells of both, with no view of ours open',
      async run() {
        await workbench.command('View: Show Explorer');
        await page.waitForTimeout(DRAWN_MS);
        await page.reload();
        await workbench.ready();
        await status.filter({ hasText: '2 jobs' }).waitFor({ timeout: WORK_MS });
        assert.equal(await pane.count(), 0);
        await screenshot(page, 'jobs-status');
      },
    },
    {
      name: 'the log of a job says what was written, and goes on while it runs',
      async run() {
        await status.click();
        await row('first').hover();
        await row('first').getByRole('button', { name: 'Show Log of Job' }).click();
        if (hasOutputPanel()) {
          await lines.filter({ hasText: 'first' }).first().waitFor({ timeout: WORK_MS });
          const before = new Set(await lines.allTextContents());
          signal('SIGCONT');
          await until('a new line', async () =>
            (await lines.allTextContents()).some((line) => !before.has(line) && UNIT.test(line)),
          );
          await screenshot(page, 'jobs-log');
        } else {
          console.log('- job queue: skipped: the log, this workbench has no Output panel');
          signal('SIGCONT');
        }
        await row('first').filter({ hasText: 'bpw' }).waitFor({ timeout: JOB_MS });
      },
    },
    {
      name: 'the second begins by itself; cancelled, it ends at once',
      async run() {
        await row('second')
          .filter({ hasText: /quantizing|preparing/ })
          .waitFor({ timeout: JOB_MS });
        await row('second').hover();
        await row('second').getByRole('button', { name: 'Cancel Job' }).click();
        await row('second').filter({ hasText: 'cancelled' }).waitFor({ timeout: WORK_MS });
        await status.waitFor({ state: 'detached', timeout: WORK_MS });
        await workbench.command('View: Hide Panel');
        await workbench.command('View: Show Explorer');
      },
    },
  ];
}

async function until(what: string, probe: () => Promise<boolean>): Promise<void> {
  for (const began = performance.now(); !(await probe()); )
    if (performance.now() - began > WORK_MS) throw new Error(`waited for ${what}`);
    else await new Promise((resolve) => setTimeout(resolve, 50));
}
