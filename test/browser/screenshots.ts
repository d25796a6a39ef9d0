// Where pictures go: media/screenshots/ when they are made for the README, else a folder the run prints.

import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';

const forReadme = process.env.QUANTSCOPE_SCREENSHOTS === '1';
export const SCREENSHOT_FOLDER = forReadme
  ? fileURLToPath(new URL('../../media/screenshots', import.meta.url))
  : mkdtempSync(join(tmpdir(), 'quantscope-screenshots-'));

/** The ones the README shows; pictures weigh much in a repository. */
const FOR_README = new Set([
  ...['outliers', 'heatmap', 'allocation', 'export', 'lens-overview', 'lens-kurtosis', 'lens-sensitivity'],
  ...['lens-activations', 'sensitivity-measured', 'allocation-measured', 'lens-compare'],
  ...['theme-light-1600', 'theme-high-contrast-1600', 'theme-dark-800'],
]);

export async function screenshot(page: Page, name: string): Promise<void> {
  if (forReadme && !FOR_README.has(name)) return;
  mkdirSync(SCREENSHOT_FOLDER, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOT_FOLDER, `${name}.png`), animations: 'disabled' });
}
