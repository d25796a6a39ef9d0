// A job as a person meets it: started from the view, watched in the side bar, still there after the window was reloaded.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Locator } from 'playwright-core';
import type { Check } from './checks.ts';
import { screenshot } from './screenshots.ts';
import { type WorkbenchPage, writeSettings } from './workbenchPage.ts';

const WORK_MS = 60_000;
/** The list of a focused window is a second old at most, on an idle machine. */
const LOOK_MS = 2000;
const STEP_MS = 200;
const STEPS_MS = 180_000;
const DRAWN_MS = 700;
const LOOKS = [
  ['dark', 'Default Dark Modern', 1600],
  ['light', 'Default Light Modern', 1600],
  ['high-contrast', 'Default High Contrast', 1600],
  ['dark', 'Default Dark Modern', 800],
] as const;

/** @param folder holds `large/`. The window has just been opened. */
export function jobs(workbench: WorkbenchPage, folder: string): Check[] {
  const { page } = workbench;
  const job = join(folder, 'large.job');
  const pane = page.locator('.pane').filter({ has: page.locator('.pane-header', { hasText: 'Jobs' }) });
  const row = (name: string | RegExp): Locator => pane.locator('.monaco-list-row').filter({ hasText: name }).first();
  const status = page.locator('.statusbar-item').filter({ hasText: /\d jobs?\b/ });
  const atWork = /quantizing [1-9]\d* %/;
  const told = page.locator('.notifications-center .monaco-list-row').filter({ hasText: 'is finished' });
  /** Processes that have run the job. */
  const runners = (): number =>
    readdirSync(join(job, 'runners')).filter((name) => /^\d+\.(json|ended)$/.test(name)).length;
  /**
   * Lets the runner go on in short steps until `sign` is seen, and holds it still while `work` is done: no machine is
   * too fast or too slow to show a job at work. The runner lives all the while.
   */
  const holding = async (sign: Locator, work: () => Promise<unknown>): Promise<void> => {
    const file = join(job, 'runners', `${String(runners()).padStart(6, '0')}.json`);
    const { pid } = JSON.parse(readFileSync(file, 'utf8')) as { pid: number };
    const seen = (): Promise<boolean> =>
      sign.waitFor({ timeout: LOOK_MS }).then(
        () => true,
        () => false,
      );
    try {
      for (const began = performance.now(); ; await page.waitForTimeout(STEP_MS)) {
        process.kill(pid, 'SIGSTOP');
        if (await seen()) break;
        if (performance.now() - began > STEPS_MS) await sign.waitFor({ timeout: 1 }); // Its error says what is missing.
        process.kill(pid, 'SIGCONT');
      }
      await work();
    } finally {
      process.kill(pid, 'SIGCONT');
    }
  };
  /** Waits for a runner's claim on the job. */
  const attempt = async (number: number): Promise<void> => {
    for (const began = performance.now(); !existsSync(join(job, 'runners')) || runners() < number; )
      if (performance.now() - began > WORK_MS) throw new Error(`no runner ${number}`);
      else await page.waitForTimeout(5);
  };
  const act = async (action: string): Promise<void> => {
    await row('large').hover();
    await row('large').getByRole('button', { name: action }).click();
  };

  return [
    {
      name: 'a plan in the Explorer starts it',
      async run() {
        writeSettings(folder, { 'workbench.colorTheme': LOOKS[0][1], 'quantscope.jobs.threads': 1 });
        await workbench.expand('large');
        await workbench.chooseInContextMenu('large.quantplan.json', 'Run as a Job…');
        await workbench.choose('GGUF');
        await workbench.choose('on this machine');
        await workbench.saveAs(job);
        await attempt(1);
        await holding(status.filter({ hasText: /[1-9]\d* %/ }), () =>
          row('large').filter({ hasText: atWork }).waitFor({ timeout: WORK_MS }),
        );
      },
    },
    {
      name: 'the window is reloaded, the same job is still run by the same process and seen again; cancel leaves nothing that looks finished',
      async run() {
        await holding(row('large').filter({ hasText: atWork }), async () => {
          await screenshot(page, 'job-running');
          await page.reload();
          await page.locator('.activitybar [aria-label^="Quantscope"]').first().waitFor({ timeout: WORK_MS });
          await row('large').filter({ hasText: atWork }).waitFor({ timeout: WORK_MS });
          await status.filter({ hasText: /[1-9]\d* %/ }).waitFor({ timeout: WORK_MS });
          assert.equal(runners(), 1);
          await act('Cancel Job');
          while (!existsSync(join(job, 'stop'))) await page.waitForTimeout(50);
        });
        await row('large').filter({ hasText: 'cancelled' }).waitFor({ timeout: WORK_MS });
        await status.waitFor({ state: 'detached' });
        assert.equal(existsSync(join(job, 'out')), false);
        await screenshot(page, 'job-cancelled');
      },
    },
    {
      name: 'resume goes on from what was written; its end is told once',
      async run() {
        await act('Resume Job');
        await attempt(2);
        await holding(row('large').filter({ hasText: atWork }), async () => {
          await row('large').click();
          await row(/^Output/).waitFor({ timeout: WORK_MS });
          await row(/^quantizing \d+ %/).waitFor({ timeout: WORK_MS });
          await screenshot(page, 'job-details');
        });
        await row('large').filter({ hasText: 'bpw' }).waitFor({ timeout: WORK_MS });
        await workbench.command('Notifications: Show Notifications');
        await told.first().waitFor({ timeout: 10_000 });
        await screenshot(page, 'job-finished');
        assert.equal(await told.count(), 1);
        assert.match(readFileSync(join(job, 'journal.ndjson'), 'utf8'), /"kept":[1-9]/);
        assert.equal(runners(), 2);
      },
    },
    {
      name: 'compare shows it against the original',
      async run() {
        await told.getByRole('button', { name: 'Compare with Original' }).click();
        await page.locator('.view-line').filter({ hasText: 'matches' }).first().waitFor({ timeout: WORK_MS });
        await screenshot(page, 'job-compared');
      },
    },
    ...LOOKS.map(([kind, theme, width]) => ({
      name: `the list in ${kind}, ${width} px`,
      async run(): Promise<void> {
        writeSettings(folder, { 'workbench.colorTheme': theme });
        await page.setViewportSize({ width, height: 1000 });
        await page.waitForTimeout(DRAWN_MS);
        await row('large').waitFor();
        await screenshot(page, `jobs-${kind}-${width}`);
      },
    })),
    {
      name: 'it leaves the list and stays on disk',
      async run() {
        await page.setViewportSize({ width: 1600, height: 1000 });
        await row('large').click({ button: 'right' });
        const entry = page.getByRole('menuitem', { name: 'Remove Job from List' });
        await entry.waitFor();
        await page.waitForTimeout(DRAWN_MS);
        await screenshot(page, 'job-menu');
        await entry.click();
        await row('large').waitFor({ state: 'detached' });
        assert.ok(existsSync(join(job, 'out')));
        await page.locator('.activitybar [aria-label^="Explorer"]').first().click();
      },
    },
  ];
}
