// What files of other formats look like: packed tensors, pickles with warnings, importance matrices, graphs, no model.

import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { seriousViolations } from '../accessibility.ts';
import type { Check } from '../checks.ts';
import { screenshot } from '../screenshots.ts';
import { THEMES } from './themes.ts';
import { check, type View, WORK_MS } from './view.ts';

/** Named like a model of old, and prose. */
const NO_MODEL = fileURLToPath(new URL('notes.dat', import.meta.url));
const WIDTHS = [1600, 800];
/** The view saves a quarter of a second after the last change. */
const STATE_IS_KEPT_MS = 500;

export function formatChecks(browser: Browser): Check[] {
  return [
    check(browser, 'packed tensors tell their scheme and true bits per weight', { fake: 'packed' }, packed),
    check(browser, 'warnings of a pickle stand on top, as text, and fold', { fake: 'pickle' }, pickle),
    check(browser, 'an importance matrix has its own view and nothing to plan', { fake: 'imatrix' }, imatrix),
    check(browser, 'a graph with awful names stays readable and harmless', { fake: 'odd' }, odd),
    check(browser, 'a file that is no model says so once', { model: NO_MODEL }, notAModel),
  ];
}

async function packed(view: View): Promise<void> {
  const { page, byId } = view;
  await byId('budget-slider').waitFor({ timeout: WORK_MS });
  const companions = await byId('companions').textContent();
  assert.match(companions ?? '', /tokenizer\.json.*adapter.*LoRA, rank 16/);
  assert.match((await byId('grid-cell-11').textContent()) ?? '', /INT4/);
  await byId('grid-cell-11').click();
  await byId('tensor-scheme')
    .filter({ hasText: 'GPTQ, 4 bit, groups of 128, act-order · 4.25 bits per weight' })
    .waitFor();
  await everywhere(view, 'packed', 'tensor-scheme');
  await byId('metric').waitFor();
  await byId('lens-outliers').click();
  await byId('display-table').click();
  await byId('sort-bits').click();
  await byId('sort-bits').filter({ hasText: '↓' }).waitFor();
  await byId('table-row-0').filter({ hasText: '16.00' }).waitFor();
  await byId('sort-bits').click();
  await page.setViewportSize({ width: 1600, height: 1000 });
  await byId('tensor-table').getByText('GPTQ, 4 bit', { exact: false }).first().waitFor();
  await everywhere(view, 'packed-table', 'tensor-table');
}

async function pickle(view: View): Promise<void> {
  const { page, byId } = view;
  const warnings = byId('warnings');
  await warnings.waitFor({ timeout: WORK_MS });
  const items = warnings.locator('li');
  assert.equal(await items.count(), 11);
  assert.match((await items.first().textContent()) ?? '', /os\.system at byte 1,204/);
  assert.match((await items.last().textContent()) ?? '', /⟨U\+202E⟩<script>8<\/script>/);
  assert.equal(await page.locator('#root script').count(), 0);
  await everywhere(view, 'pickle', 'warnings');
  await byId('warnings-fold').click();
  await warnings.getByText('11 warnings about this file').waitFor();
  assert.equal(await items.count(), 0);
  await page.waitForTimeout(STATE_IS_KEPT_MS);
  await page.reload();
  await warnings.getByText('11 warnings about this file').waitFor({ timeout: WORK_MS });
  await byId('warnings-fold').click();
  await items.first().waitFor();
}

async function imatrix(view: View): Promise<void> {
  const { harness, page, byId } = view;
  await byId('imatrix').waitFor({ timeout: WORK_MS });
  await byId('provenance').filter({ hasText: 'every column' }).waitFor({ timeout: WORK_MS });
  assert.match((await byId('imatrix').textContent()) ?? '', /65.536/);
  assert.match((await byId('datasets').textContent()) ?? '', /calibration\/<b>code<\/b>\.txt/);
  assert.match((await byId('importance-note').textContent()) ?? '', /nothing here to plan, quantize or export/);
  for (const id of ['budget-bar', 'lens-export', 'lens-allocation']) assert.equal(await byId(id).count(), 0, id);
  await everywhere(view, 'imatrix', 'imatrix');
  await byId('metric').click();
  await page.getByRole('option', { name: 'energy in the top 1 %' }).click();
  await byId('metric-formula').filter({ hasText: 'largest 1 % of columns' }).waitFor();
  const cell = byId('grid-cell-20');
  await cell.filter({ hasText: /^\d/ }).waitFor();
  await cell.click();
  await byId('column-energy').waitFor({ timeout: WORK_MS });
  await byId('matrix-next').click();
  await byId('matrix-position').filter({ hasText: '2 of 8' }).waitFor();
  await byId('column-energy').hover({ position: { x: 200, y: 60 } });
  await byId('column-readout')
    .filter({ hasText: /^column \d.* = [\d.]+.*× mean/ })
    .waitFor();
  await everywhere(view, 'imatrix-tensor', 'column-energy');
  for (const id of ['columns', 'energy']) {
    await byId(`${id}-table`).click();
    await byId(`${id}-rows`).locator('tbody tr').first().waitFor();
  }
  assert.deepEqual(await seriousViolations(page.mainFrame()), [], 'tables');
  await byId('display-table').click();
  await byId('tensor-table').waitFor();
  assert.equal(await byId('sort-plan').count(), 0);
  for (const call of ['sensitivity', 'pareto', 'preview'] as const) assert.ok(!harness.calls.includes(call), call);
}

async function odd(view: View): Promise<void> {
  const { page, byId } = view;
  await byId('budget-slider').waitFor({ timeout: WORK_MS });
  assert.equal(await page.locator('#root img').count(), 0);
  await page.getByRole('columnheader', { name: 'backbone/features/features.0' }).waitFor();
  assert.match((await byId('grid-cell-0').textContent()) ?? '', /Conv_0_W/);
  await everywhere(view, 'odd-names', 'layer-grid');
}

async function notAModel(view: View): Promise<void> {
  const { harness, byId } = view;
  await byId('not-a-model').waitFor({ timeout: WORK_MS });
  assert.match((await byId('not-a-model').textContent()) ?? '', /notes\.dat is not a model/);
  assert.equal(await byId('failure').count(), 0);
  await everywhere(view, 'not-a-model', 'not-a-model');
  await byId('reopen-with').click();
  await until(() => harness.calls.includes('reopenWith'));
}

/** The same state in every theme and width: accessible, and nothing beside the screen. */
async function everywhere({ harness, page }: View, name: string, shown: string): Promise<void> {
  await page.waitForTimeout(STATE_IS_KEPT_MS);
  for (const theme of Object.keys(THEMES)) {
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: width === 800 ? 1200 : 1000 });
      await page.goto(`${harness.url}?theme=${theme}`);
      await page.getByTestId(shown).waitFor({ timeout: WORK_MS });
      await page.waitForTimeout(400);
      await screenshot(page, `${name}-${theme}-${width}`);
      const overflow = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
      assert.ok(overflow <= 0, `${name}, ${theme}: the page is ${overflow} px wider than ${width} px`);
      assert.deepEqual(await seriousViolations(page.mainFrame()), [], `${name}, ${theme}, ${width} px`);
    }
  }
}

async function until(probe: () => boolean, timeoutMs = 10_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!probe()) {
    if (Date.now() > deadline) throw new Error('waited too long');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
