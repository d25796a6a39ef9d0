// The model is run: calibrated on the bundled sample, looked at, measured, and the plan's prediction put to the test.

import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Frame } from 'playwright-core';
import { seriousViolations } from './accessibility.ts';
import type { Check } from './checks.ts';
import { screenshot } from './screenshots.ts';
import type { WorkbenchPage } from './workbenchPage.ts';

const WORK_MS = 60_000;
/** Few, so that the whole flow takes seconds; the numbers are only there to be numbers. */
const SEQUENCES = '2';

export function runningModel(workbench: WorkbenchPage, folder: string): Check[] {
  const { page } = workbench;
  let view: Frame;
  const matrix = join(folder, 'out-of-the-way.imatrix.gguf');
  const byId = (id: string) => view.getByTestId(id);

  async function fill(id: string, value: string): Promise<void> {
    const field = byId(id).locator('input');
    await field.fill(value);
    await field.press('Enter');
  }

  async function accessible(name: string): Promise<void> {
    assert.deepEqual(await seriousViolations(view), [], name);
    await screenshot(page, name);
  }

  return [
    {
      name: 'the palette leads to the calibration, which says what it takes before it runs',
      async run() {
        view = await workbench.view();
        await workbench.command('Quantscope: Calibrate');
        view = await workbench.view();
        await byId('calibration').waitFor({ timeout: WORK_MS });
        await fill('calibrate-sequences', SEQUENCES);
        const cost = byId('run-cost');
        await cost.filter({ hasText: '512' }).waitFor({ timeout: WORK_MS });
        await accessible('calibration');
      },
    },
    {
      name: 'calibrating on the bundled sample leaves its provenance',
      async run() {
        await byId('calibrate-run').click();
        await byId('calibration-in-use').waitFor({ timeout: WORK_MS });
        const facts = (await byId('calibration-in-use').textContent()) ?? '';
        assert.match(facts, /SHA-256 [0-9a-f]{12}/);
        assert.match(facts, /2 × 256/);
      },
    },
    {
      name: 'the Activations lens colours every matrix of a layer',
      async run() {
        await workbench.command('Quantscope: Show Activations');
        view = await workbench.view();
        await byId('channel-readout').waitFor({ timeout: WORK_MS });
        await view.locator('[data-testid^="grid-cell-"]').nth(9).filter({ hasText: /\d/ }).waitFor();
        await fill('prompt', 'To be, or not to be');
        await byId('prompt-run').click();
        await byId('token-readout').waitFor({ timeout: WORK_MS });
        await byId('activations-provenance').filter({ hasText: 'measured' }).waitFor();
        await accessible('lens-activations');
        await view.locator('[data-testid^="grid-cell-"]').nth(9).click();
        await byId('input-figures').waitFor();
        await byId('input-readout')
          .filter({ hasText: /channel \d+: max\|x\| [\d.]+/ })
          .waitFor({ timeout: WORK_MS });
        await accessible('activation-tensor');
      },
    },
    {
      name: 'a score measured on the running model recolours the grid, with errors',
      async run() {
        await byId('lens-sensitivity').click();
        await byId('method-score:measuredDivergence').click({ timeout: WORK_MS });
        await byId('score-cost').filter({ hasText: 'bundled sample' }).waitFor({ timeout: WORK_MS });
        await byId('score-run').click();
        await byId('score-provenance').filter({ hasText: 'measured' }).waitFor({ timeout: WORK_MS });
        await view.locator('.ranked-value').first().filter({ hasText: '±' }).waitFor();
        await accessible('sensitivity-measured');
        await byId('score-plan').click();
      },
    },
    {
      name: 'the plan by that score is measured beside its prediction',
      async run() {
        await byId('plan-figures').filter({ hasText: 'predicted KL' }).waitFor({ timeout: WORK_MS });
        await fill('measure-sequences', SEQUENCES);
        await byId('measure-plan').click();
        await byId('measure-provenance').filter({ hasText: 'measured' }).waitFor({ timeout: WORK_MS });
        const figures = (await byId('plan-figures').textContent()) ?? '';
        assert.match(figures, /measured KL\S+ ± \S+same top token/);
        assert.match(figures, /perplexity\d/);
        await accessible('allocation-measured');
      },
    },
    {
      name: 'plans of the same size are measured against it',
      async run() {
        await byId('lens-compare').click();
        await byId('plan-rival').first().waitFor({ timeout: WORK_MS });
        await byId('measure-all').click();
        await byId('measure-all').filter({ hasText: 'All measured' }).waitFor({ timeout: WORK_MS });
        assert.equal(await view.getByText('best', { exact: true }).count(), 1);
        await accessible('lens-compare');
      },
    },
    {
      name: 'the importance matrix is written where the user says, and taken in again from there',
      async run() {
        await byId('open-calibration').click();
        await byId('imatrix-export').click();
        await workbench.saveAs(matrix);
        await byId('imatrix-status').filter({ hasText: 'Written to' }).waitFor({ timeout: WORK_MS });
        assert.ok(statSync(matrix).size > 10_000);
        await byId('imatrix-import').click();
        await workbench.openFile(matrix);
        const facts = byId('calibration-in-use').filter({ hasText: 'second moments alone' });
        await facts.filter({ hasText: 'out-of-the-way' }).waitFor({ timeout: WORK_MS });
      },
    },
  ];
}
