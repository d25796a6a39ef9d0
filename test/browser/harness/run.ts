// The view on its own in a browser: an engine that ends, commands that steer it, tables behind charts, a long drag.

import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { launchBrowser } from '../../../scripts/workbench/browser.ts';
import { seriousViolations } from '../accessibility.ts';
import type { Checks } from '../checks.ts';
import { formatChecks } from './formats.ts';
import { runChecks } from './runs.ts';
import { THEMES } from './themes.ts';
import { check, settled, type View, WORK_MS } from './view.ts';

const SAMPLE = fileURLToPath(new URL('../../fixtures/sample-llama', import.meta.url));
/** The view saves a quarter of a second after the last change. */
const STATE_IS_KEPT_MS = 500;

export async function runHarness(checks: Checks): Promise<void> {
  const browser = await launchBrowser();
  try {
    await checks.each('view', [
      check(browser, 'an engine that ends is started again and everything comes back', { model: SAMPLE }, restart),
      check(browser, 'an engine that ends while it measures leaves no failure behind', { model: SAMPLE }, earlyRestart),
      check(browser, 'commands steer lens and tensor; what does not exist changes nothing', { fake: 'llama' }, steer),
      check(browser, 'every chart has a table, and neither breaks accessibility', { fake: 'llama' }, tables),
      check(
        browser,
        'a drag over 50,000 tensors ends on the last target; four plans of them are compared',
        { fake: 'huge', scanMs: 200 },
        drag,
      ),
      ...runChecks(browser),
      ...formatChecks(browser),
    ]);
  } finally {
    await browser.close();
  }
}

async function restart({ harness, page, byId }: View): Promise<void> {
  await byId('budget-slider').waitFor({ timeout: WORK_MS });
  await byId('lens-allocation').click();
  await byId('grid-cell-9').click();
  await byId('lock-tensor').click();
  await byId('lock-tensor').filter({ hasText: 'Unlock' }).waitFor();
  const name = await byId('tensor-name').textContent();
  const size = await settled(page, () => byId('plan-size').textContent());
  harness.restartEngine('The engine ended and was started again.');
  await byId('notice').filter({ hasText: 'started again' }).waitFor({ timeout: WORK_MS });
  await byId('budget-slider').waitFor({ timeout: WORK_MS });
  await byId('plan-size').filter({ hasText: size }).waitFor({ timeout: WORK_MS });
  assert.equal(await byId('tensor-name').textContent(), name);
  assert.equal(await byId('lens-allocation').getAttribute('aria-selected'), 'true');
  await byId('lock-tensor').filter({ hasText: 'Unlock' }).waitFor();
  assert.equal(harness.calls.filter((call) => call === 'open').length, 2);
}

async function earlyRestart({ harness, page, byId }: View): Promise<void> {
  await byId('screen').waitFor({ timeout: WORK_MS });
  harness.restartEngine('The engine ended and was started again.');
  await byId('budget-slider').waitFor({ timeout: WORK_MS });
  await byId('provenance').filter({ hasText: 'measured' }).waitFor({ timeout: WORK_MS });
  assert.equal(await page.getByTestId('failure').count(), 0);
  assert.equal(await page.getByTestId('statistics-stopped').count(), 0);
}

async function steer({ harness, page, byId }: View): Promise<void> {
  await byId('budget-slider').waitFor({ timeout: WORK_MS });
  harness.emit('show', { view: 'kurtosis', tensor: null });
  await byId('kurtosis').waitFor();
  harness.emit('show', { view: 'outliers', tensor: 4 });
  await byId('tensor-name').filter({ hasText: 'model.layers.0.self_attn.v_proj.weight' }).waitFor();
  assert.equal(await byId('lens-outliers').getAttribute('aria-selected'), 'true');
  harness.emit('show', { view: 'nonsense', tensor: 1_000_000 });
  await page.waitForTimeout(200);
  assert.equal(await byId('tensor-name').textContent(), 'model.layers.0.self_attn.v_proj.weight');
  assert.equal(await byId('lens-outliers').getAttribute('aria-selected'), 'true');
}

async function tables({ harness, page, byId }: View): Promise<void> {
  const charts: readonly (readonly [lens: string, ...ids: string[]])[] = [
    ['outliers', 'outlier-roles', 'pareto'],
    ['kurtosis', 'kurtosis-layers', 'ratio-layers', 'kurtosis-ratio'],
    ['sensitivity', 'layer-type'],
  ];
  await byId('budget-slider').waitFor({ timeout: WORK_MS });
  const toTable = async (id: string): Promise<void> => {
    await byId(`${id}-table`).focus();
    await page.keyboard.press('Enter');
    await byId(`${id}-rows`).locator('tbody tr').first().waitFor();
  };
  for (const [lens, ...ids] of charts) {
    await byId(`lens-${lens}`).click();
    for (const id of ids) await toTable(id);
  }
  await byId('grid-cell-9').click();
  await byId('heatmap').waitFor();
  await toTable('heatmap');
  await byId('heatmap-rows').locator('tbody tr').first().getByRole('button').click();
  await byId('channel-profile').waitFor();
  for (const id of ['channel', 'histogram', 'costs']) await toTable(id);
  for (const theme of Object.keys(THEMES)) {
    await page.waitForTimeout(STATE_IS_KEPT_MS);
    await page.goto(`${harness.url}?theme=${theme}`);
    await byId('heatmap-rows').locator('tbody tr').first().waitFor();
    await byId('pareto-rows').waitFor();
    assert.deepEqual(await seriousViolations(page.mainFrame()), [], `${theme}, tensor`);
    for (const [lens] of charts) {
      await byId(`lens-${lens}`).click();
      await page.waitForTimeout(100);
      assert.deepEqual(await seriousViolations(page.mainFrame()), [], `${theme}, ${lens}`);
    }
    await byId('inspector-tensor').click();
  }
}

async function drag({ harness, page, byId }: View): Promise<void> {
  await byId('start-sensitivity').click({ timeout: WORK_MS });
  const slider = byId('budget-slider');
  await slider.waitFor({ timeout: WORK_MS });
  const before = await settled(page, () => byId('plan-size').textContent());
  const asked = harness.calls.filter((call) => call === 'preview').length;
  const moves = 40;
  // Inside the page: the engine of this check shares the driver's thread, and would wait for each move of its mouse.
  await page.evaluate(`(async () => {
    const input = document.querySelector('[data-testid="budget-slider"]');
    const put = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set;
    const [low, high] = [Number(input.min), Number(input.max)];
    for (let i = 1; i <= ${moves}; i++) {
      put.call(input, String(low + (high - low) * (0.2 + (0.4 * i) / ${moves})));
      input.dispatchEvent(new Event('input', { bubbles: true }));
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
  })()`);
  const target = await slider.getAttribute('aria-valuetext');
  const size = await settled(page, () => byId('plan-size').textContent());
  assert.notEqual(size, before);
  const number = (text: string | null): number => Number.parseFloat(text ?? '');
  assert.ok(Math.abs(number(size) / number(target) - 1) < 0.02, `${size} planned, ${target} asked`);
  // One in flight and the latest waiting: far fewer questions than positions.
  const questions = harness.calls.filter((call) => call === 'preview').length - asked;
  assert.ok(questions >= 1 && questions < moves, `${questions} questions for ${moves} positions`);
  await byId('lens-compare').click();
  await byId('plan-rival').nth(3).waitFor({ timeout: WORK_MS });
}
