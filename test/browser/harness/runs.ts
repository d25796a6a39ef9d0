// The view around a running model, on a synthetic engine: calibrate, cancel, look, score, measure, compare; every theme.

import assert from 'node:assert/strict';
import type { Browser } from 'playwright-core';
import { seriousViolations } from '../accessibility.ts';
import type { Check } from '../checks.ts';
import { screenshot } from '../screenshots.ts';
import { THEMES } from './themes.ts';
import { check, type View, WORK_MS } from './view.ts';

/** The view saves a quarter of a second after the last change. */
const STATE_IS_KEPT_MS = 500;
const LENSES = ['activations', 'sensitivity', 'allocation', 'compare', 'calibration'];
/** Lens, and the charts of it that have a table. */
const CHARTS: readonly (readonly [lens: string, ...ids: string[]])[] = [
  ['activations', 'channel-layers', 'token-channels', 'input-kurtosis', 'experts'],
  ['kurtosis', 'input-kurtosis'],
];

/** Long enough to stop it between two plans. */
const SLOW = { fake: 'llama', scanMs: 3000 } as const;

export function runChecks(browser: Browser): Check[] {
  return [
    check(browser, 'a calibration can be cancelled and resumed, and says what it is', { fake: 'llama' }, calibrate),
    check(browser, 'activations recolour the grid; their charts have tables', { fake: 'llama' }, activations),
    check(browser, 'scores stream in, with errors, and the plan may go by one', { fake: 'llama' }, scores),
    check(browser, 'plans are measured, kept, compared; a better rival is taken over', SLOW, compare),
    check(browser, 'the new views in every theme, wide and narrow', { fake: 'llama', scanMs: 100 }, everywhere),
  ];
}

async function calibrate({ page, byId }: View): Promise<void> {
  await byId('open-calibration').click({ timeout: WORK_MS });
  await byId('run-cost').filter({ hasText: 'about 9.1 s' }).waitFor({ timeout: WORK_MS });
  const field = byId('calibrate-context').locator('input');
  await field.fill('8k');
  await field.press('Enter');
  await byId('run-blocker').filter({ hasText: '4096' }).waitFor();
  assert.notEqual(await byId('calibrate-run').getAttribute('disabled'), null);
  await field.fill('128');
  await field.press('Enter');
  await byId('run-cost').filter({ hasText: '4' }).waitFor();
  await byId('calibrate-run').click();
  await byId('task-calibrating-cancel').click();
  await byId('calibration-cancelled').waitFor();
  await byId('calibrate-run').filter({ hasText: 'Resume' }).click();
  await byId('calibration-in-use').waitFor({ timeout: WORK_MS });
  const facts = await byId('calibration-in-use').textContent();
  for (const fact of ['bundled sample', '3f9a0c51d2e4', '32 × 128', 'seed0', 'CPU, 8 threads']) {
    assert.ok(facts?.includes(fact), `${fact} is not in: ${facts}`);
  }
  await byId('open-calibration').filter({ hasText: 'calibrated · bundled sample · 32 × 128' }).waitFor();
  await page.waitForTimeout(STATE_IS_KEPT_MS);
  await page.reload();
  // The settings are remembered, the calibration lies on disk.
  await byId('calibration-in-use').waitFor({ timeout: WORK_MS });
  assert.equal(await byId('calibrate-context').locator('input').inputValue(), '128');
}

async function calibrated({ byId }: View): Promise<void> {
  await byId('budget-slider').waitFor({ timeout: WORK_MS });
  await byId('open-calibration').click();
  await byId('calibrate-run').click({ timeout: WORK_MS });
  await byId('calibration-in-use').waitFor({ timeout: WORK_MS });
}

async function activations(view: View): Promise<void> {
  const { page, byId } = view;
  await byId('budget-slider').waitFor({ timeout: WORK_MS });
  await byId('lens-activations').click();
  await byId('go-calibrate').waitFor();
  await calibrated(view);
  await byId('lens-activations').click();
  await byId('grid-cell-2').filter({ hasText: /\d/ }).waitFor();
  await prompt(view);
  for (const [lens, ...ids] of CHARTS) {
    await byId(`lens-${lens}`).click();
    for (const id of ids) {
      await byId(`${id}-table`).click();
      await byId(`${id}-rows`).locator('tbody tr').first().waitFor();
      await byId(`${id}-table`).click();
    }
  }
  await byId('lens-activations').click();
  const map = page.getByTestId('channel-layers').getByTestId('heatmap');
  const box = await map.boundingBox();
  assert.ok(box);
  await map.hover({ position: { x: box.width / 2, y: box.height / 2 } });
  await byId('channel-readout')
    .filter({ hasText: /layer \d+, channel \d+: max\|x\| [\d.]+/ })
    .waitFor();
  await map.click({ position: { x: box.width / 2, y: (20.5 / 30) * box.height } });
  await byId('tensor-name').filter({ hasText: 'layers.20.self_attn.q_proj' }).waitFor();
  await byId('input-figures').waitFor();
  await byId('input-readout').filter({ hasText: 'channel 133' }).waitFor();
}

async function prompt({ byId }: View): Promise<void> {
  await byId('prompt').locator('input').fill('The quick brown fox');
  await byId('prompt-run').click();
  await byId('token-readout').waitFor();
}

async function scores({ page, byId }: View): Promise<void> {
  await byId('budget-slider').waitFor({ timeout: WORK_MS });
  await byId('lens-sensitivity').click();
  await byId('method-score:activationError').click();
  await byId('score-blocker').filter({ hasText: 'run a calibration first' }).waitFor();
  await byId('method-score:measuredDivergence').click();
  await byId('score-cost').filter({ hasText: 'about 4 min · bundled sample' }).waitFor();
  await byId('score-run').click();
  await byId('task-scoring-cancel').click();
  await byId('score-run').filter({ hasText: 'Continue' }).click();
  await byId('score-provenance').waitFor({ timeout: WORK_MS });
  await page.locator('.ranked-value').first().filter({ hasText: '±' }).waitFor();
  await byId('score-plan').click();
  await byId('plan-score').waitFor();
  await byId('plan-figures').filter({ hasText: 'predicted KL' }).waitFor();
  await byId('lens-sensitivity').click();
  await byId('method-score:propagatedError').click();
  await byId('score-run').click();
  await byId('score-provenance').waitFor({ timeout: WORK_MS });
  await byId('grid-cell-30').click();
  await byId('tensor-scores').getByTestId('depth-curve').waitFor();
  await byId('propagated-table').click();
  await byId('propagated-rows').locator('tbody tr').first().waitFor();
}

async function compare({ page, byId }: View): Promise<void> {
  await byId('lens-allocation').click({ timeout: WORK_MS });
  await byId('measure-plan').click({ timeout: WORK_MS });
  await byId('measure-provenance').waitFor({ timeout: WORK_MS });
  await byId('plan-figures').filter({ hasText: 'measured KL' }).waitFor();
  await byId('pareto-measured').waitFor({ state: 'attached' });
  await byId('keep-plan').click();
  await byId('budget-slider').focus();
  for (let i = 0; i < 60; i++) await page.keyboard.press('ArrowRight');
  await byId('measure-stale').waitFor();
  await byId('lens-compare').click();
  await byId('plan-rival').first().waitFor();
  await byId('plan-kept').filter({ hasText: '±' }).waitFor();
  assert.equal(await page.getByText('best', { exact: true }).count(), 0, 'nothing is best before two are measured');
  // Plans show as they are measured; those that were before a stop stay.
  const missing = await byId('compare-table').getByText('Measure', { exact: true }).count();
  await byId('measure-all').click();
  await byId('plan-rival').filter({ hasText: '±' }).first().waitFor();
  await byId('task-comparing-cancel').click();
  await page.getByText('Cancelled. What was measured is kept').waitFor();
  const left = await byId('compare-table').getByText('Measure', { exact: true }).count();
  assert.ok(left > 0 && left < missing, `${left} of ${missing} left`);
  await byId('measure-all').click();
  await byId('measure-all').filter({ hasText: 'All measured' }).waitFor({ timeout: WORK_MS });
  assert.equal(await page.getByText('best', { exact: true }).count(), 1);
  // The fake engine finds the mix of this name better than any plan.
  await byId('beaten').filter({ hasText: 'Q4_K_M' }).waitFor();
  await byId('take-over').click();
  await byId('lens-allocation').click();
  await byId('clear-pins').waitFor();
}

async function everywhere(view: View): Promise<void> {
  const { harness, page, byId } = view;
  await calibrated(view);
  await byId('lens-activations').click();
  await prompt(view);
  await byId('lens-sensitivity').click();
  await byId('method-score:propagatedError').click();
  await byId('score-run').click();
  await byId('score-provenance').waitFor({ timeout: WORK_MS });
  await byId('lens-compare').click();
  await byId('plan-rival').first().waitFor();
  await byId('measure-all').click();
  await byId('measure-all').filter({ hasText: 'All measured' }).waitFor({ timeout: WORK_MS });
  await byId('grid-cell-9').click();
  for (const theme of Object.keys(THEMES)) {
    await page.waitForTimeout(STATE_IS_KEPT_MS);
    await page.goto(`${harness.url}?theme=${theme}`);
    await byId('budget-slider').waitFor({ timeout: WORK_MS });
    for (const lens of LENSES) {
      await byId(lens === 'calibration' ? 'inspector-calibration' : `lens-${lens}`).click();
      await page.waitForTimeout(100);
      assert.deepEqual(await seriousViolations(page.mainFrame()), [], `${theme}, ${lens}`);
      await screenshot(page, `runs-${theme}-${lens}`);
    }
    await byId('lens-activations').click();
    await byId('inspector-tensor').click();
    await byId('input-figures').waitFor();
    assert.deepEqual(await seriousViolations(page.mainFrame()), [], `${theme}, input of a tensor`);
  }
  await page.setViewportSize({ width: 800, height: 1200 });
  for (const lens of LENSES) {
    await byId(lens === 'calibration' ? 'inspector-calibration' : `lens-${lens}`).click();
    const overflow = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
    assert.ok(overflow <= 0, `${lens}: ${overflow} px wider than the window`);
    await screenshot(page, `runs-800-${lens}`);
  }
}
