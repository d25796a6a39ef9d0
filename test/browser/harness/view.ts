// One check of the view on its own: a page of the harness, what to do in it, and no errors in its console.

import assert from 'node:assert/strict';
import type { Browser, Page } from 'playwright-core';
import type { Check } from '../checks.ts';
import { type Harness, type HarnessOptions, startHarness } from './serve.ts';

export const WORK_MS = 60_000;

export interface View {
  readonly harness: Harness;
  readonly page: Page;
  byId(id: string): ReturnType<Page['getByTestId']>;
}

export function check(
  browser: Browser,
  name: string,
  options: HarnessOptions,
  act: (view: View) => Promise<void>,
): Check {
  return {
    name,
    async run() {
      const harness = await startHarness(options);
      const context = await browser.newContext({ viewport: { width: 1600, height: 1000 } });
      try {
        const page = await context.newPage();
        const troubles: string[] = [];
        page.on('pageerror', (error) => troubles.push(error.message));
        page.on('console', (message) => {
          if (message.type() === 'error') troubles.push(message.text());
        });
        await page.goto(harness.url);
        await act({ harness, page, byId: (id) => page.getByTestId(id) });
        assert.deepEqual(troubles, []);
      } finally {
        await context.close();
        harness.close();
      }
    },
  };
}

/** A text once it has stopped changing for a second. */
export async function settled(page: Page, read: () => Promise<string | null>): Promise<string> {
  let last = await read();
  for (let calm = 0; calm < 5; calm++) {
    await page.waitForTimeout(200);
    const now = await read();
    if (now !== last) calm = -1;
    last = now;
  }
  return last ?? '';
}
