// The main job, as a person does it: right-click, see, hover, drag, lock, export, verify, reload.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Frame } from 'playwright-core';
import { MODEL_FOLDER } from '../host/workspaceFolder.ts';
import { seriousViolations } from './accessibility.ts';
import type { Check } from './checks.ts';
import { screenshot } from './screenshots.ts';
import type { WorkbenchPage } from './workbenchPage.ts';

const ENGINE = fileURLToPath(new URL('../../dist/engine.js', import.meta.url));
const WORK_MS = 60_000;
/** The view saves a quarter of a second after the last change, the workbench's storage soon after. */
const STATE_IS_KEPT_MS = 1500;
export const OUTPUT_NAME = 'sample-quantized.gguf';

export function mainJob(workbench: WorkbenchPage, folder: string): Check[] {
  const { page } = workbench;
  const modelFolder = join(folder, MODEL_FOLDER);
  const output = join(modelFolder, OUTPUT_NAME);
  let view: Frame;
  let lockedType = '';
  let size = '';

  const byId = (id: string) => view.getByTestId(id);

  return [
    {
      name: 'right-click → "Quantscope: Analyze Model" shows the grid',
      async run() {
        await workbench.expand(MODEL_FOLDER);
        await workbench.chooseInContextMenu('model.safetensors', 'Quantscope: Analyze Model');
        view = await workbench.view();
        await byId('layer-grid').waitFor({ timeout: WORK_MS });
        assert.match((await byId('header-parameters').textContent()) ?? '', /\d/);
      },
    },
    {
      name: 'statistics colour the outlier lens',
      async run() {
        await byId('lens-outliers').click();
        await byId('provenance').filter({ hasText: 'measured' }).waitFor({ timeout: WORK_MS });
        await screenshot(page, 'outliers');
      },
    },
    {
      name: 'a cell opens its heatmap and hovering names the exact value',
      async run() {
        await view.locator('[data-testid^="grid-cell-"]').nth(9).click();
        await byId('tensor-panel').waitFor();
        const heatmap = byId('heatmap');
        await heatmap.waitFor({ timeout: WORK_MS });
        const box = await heatmap.boundingBox();
        assert.ok(box && box.width > 100 && box.height > 50, `the heatmap is ${box?.width} × ${box?.height}`);
        const readout = byId('hover-readout');
        await readout.filter({ hasText: 'hover for values' }).waitFor({ timeout: WORK_MS }); // the tile is drawn
        await heatmap.hover({ position: { x: box.width / 2, y: box.height / 2 } });
        await readout.filter({ hasText: /row \d+, column \d+ = [−-]?[\d.]+/ }).waitFor({ timeout: 10_000 });
        await screenshot(page, 'heatmap');
      },
    },
    {
      name: 'clicking the heatmap profiles that channel',
      async run() {
        await byId('histogram').locator('rect, path, canvas').first().waitFor();
        await byId('heatmap').click({ position: { x: 60, y: 60 } });
        await byId('channel-profile').locator('path, rect, canvas').first().waitFor({ timeout: 10_000 });
        await screenshot(page, 'channel');
      },
    },
    {
      name: 'dragging the budget changes the plan',
      async run() {
        await byId('lens-allocation').click();
        const slider = byId('budget-slider');
        await slider.waitFor({ timeout: WORK_MS });
        const before = await byId('plan-size').textContent();
        const box = await slider.boundingBox();
        assert.ok(box);
        const y = box.y + box.height / 2;
        await page.mouse.move(box.x + box.width * 0.4, y);
        await page.mouse.down();
        await page.mouse.move(box.x + box.width * 0.3, y, { steps: 5 });
        await page.mouse.move(box.x + box.width * 0.25, y, { steps: 5 });
        await page.mouse.up();
        await until('the plan to change', async () => (await byId('plan-size').textContent()) !== before);
      },
    },
    {
      name: 'locking a tensor keeps its type while the budget moves',
      async run() {
        await view.locator('[data-testid^="grid-cell-"]').nth(3).click();
        await byId('tensor-panel').waitFor();
        lockedType = (await byId('chosen-type').textContent()) ?? '';
        assert.match(lockedType, /^(I?Q|F|BF)\d/);
        await byId('lock-tensor').click();
        await byId('lock-tensor').filter({ hasText: 'Unlock' }).waitFor();
        await byId('budget-slider').focus();
        const before = await byId('plan-size').textContent();
        await page.keyboard.press('PageDown');
        await until('the plan to change', async () => (await byId('plan-size').textContent()) !== before);
        assert.equal(await byId('chosen-type').textContent(), lockedType);
        // The reason follows once the plan rests.
        await view.locator('.why').filter({ hasText: /\w/ }).waitFor({ timeout: WORK_MS });
        await screenshot(page, 'allocation');
      },
    },
    {
      name: 'export writes the planned file and shows its verification',
      async run() {
        size = (await byId('plan-size').textContent()) ?? '';
        await byId('lens-export').click();
        await byId('export-pick').click();
        await workbench.saveAs(output);
        const run = byId('export-run');
        await run.waitFor();
        await until(
          'the preflight',
          async () => (await run.getAttribute('disabled')) === null && (await run.isEnabled()),
        );
        await run.click();
        await byId('export-result').waitFor({ timeout: WORK_MS });
        assert.match((await byId('verify-summary').textContent()) ?? '', /\d/);
        await screenshot(page, 'export');
      },
    },
    {
      name: 'the file is there alone and verifies from the command line',
      async run() {
        assert.deepEqual(
          readdirSync(modelFolder).filter((name) => name.includes('quantized')),
          [OUTPUT_NAME],
        );
        const shown = Number.parseFloat(size.replace(/[^\d.]/g, ''));
        assert.ok(Math.abs(statSync(output).size / 1e6 - shown) < 0.1, `${statSync(output).size} bytes, shown ${size}`);
        const report = JSON.parse(
          execFileSync(process.execPath, [ENGINE, 'verify', modelFolder, output, '--json'], {
            encoding: 'utf8',
            stdio: ['ignore', 'pipe', 'ignore'],
          }),
        ) as { ok: boolean };
        assert.equal(report.ok, true);
      },
    },
    {
      name: 'a serious accessibility violation is nowhere in the view',
      async run() {
        for (const lens of ['overview', 'outliers', 'kurtosis', 'sensitivity', 'allocation', 'export']) {
          await byId(`lens-${lens}`).click();
          await page.waitForTimeout(300);
          assert.deepEqual(await seriousViolations(view), [], lens);
          await screenshot(page, `lens-${lens}`);
        }
      },
    },
    {
      name: 'reloading the window restores lens, selection and lock',
      async run() {
        await byId('lens-allocation').click();
        await view.locator('[data-testid^="grid-cell-"]').nth(3).click();
        const name = await byId('tensor-name').textContent();
        await page.waitForTimeout(STATE_IS_KEPT_MS);
        await page.reload();
        await workbench.ready();
        view = await workbench.view();
        await byId('tensor-name').waitFor({ timeout: WORK_MS });
        assert.equal(await byId('tensor-name').textContent(), name);
        assert.equal(await byId('lens-allocation').getAttribute('aria-selected'), 'true');
        await byId('lock-tensor').filter({ hasText: 'Unlock' }).waitFor({ timeout: WORK_MS });
        assert.equal(await byId('chosen-type').textContent(), lockedType);
      },
    },
    {
      name: 'the console has no errors and no policy violations of ours',
      async run() {
        assert.deepEqual(workbench.troubles, []);
      },
    },
  ];
}

async function until(what: string, probe: () => Promise<boolean>, timeoutMs = 30_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await probe())) {
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
