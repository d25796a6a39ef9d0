// Files of other formats in the real workbench: a pickle that would run code, an importance matrix, and no model at all.

import assert from 'node:assert/strict';
import { FORMAT_FILES, FORMATS_FOLDER } from '../host/formatFiles.ts';
import { seriousViolations } from './accessibility.ts';
import type { Check } from './checks.ts';
import { screenshot } from './screenshots.ts';
import type { WorkbenchPage } from './workbenchPage.ts';

const WORK_MS = 60_000;

export function formats(workbench: WorkbenchPage): Check[] {
  const { page } = workbench;
  const analyze = async (name: string) => {
    await workbench.closeEditors();
    await workbench.expand(FORMATS_FOLDER);
    await workbench.chooseInContextMenu(name, 'Quantscope: Analyze Model');
    return workbench.view();
  };
  return [
    {
      name: 'a pickle that names a shell command opens as data, and warns on top',
      async run() {
        const view = await analyze(FORMAT_FILES.hostile);
        const warning = view.getByTestId('warnings').locator('li').first();
        await warning.waitFor({ timeout: WORK_MS });
        assert.match((await warning.textContent()) ?? '', /system/);
        await view.getByTestId('layer-grid').waitFor({ timeout: WORK_MS });
        await view.getByTestId('provenance').filter({ hasText: 'every weight' }).waitFor({ timeout: WORK_MS });
        assert.match((await view.locator('.header-facts').textContent()) ?? '', /PyTorch pickle/);
        await screenshot(page, 'format-hostile-pickle');
        assert.deepEqual(await seriousViolations(view), []);
      },
    },
    {
      name: 'an importance matrix opens in its own view',
      async run() {
        await workbench.closeEditors();
        await workbench.expand(FORMATS_FOLDER);
        await workbench.row(FORMAT_FILES.imatrix).dblclick();
        const view = await workbench.view();
        await view.getByTestId('imatrix').waitFor({ timeout: WORK_MS });
        await view.locator('[data-testid^="grid-cell-"]').first().click();
        await view.getByTestId('column-readout').filter({ hasText: 'column 40' }).waitFor({ timeout: WORK_MS });
        await screenshot(page, 'format-imatrix');
        assert.deepEqual(await seriousViolations(view), []);
      },
    },
    {
      name: 'an ONNX graph opens by a double click',
      async run() {
        await workbench.closeEditors();
        await workbench.row(FORMAT_FILES.onnx).dblclick();
        const view = await workbench.view();
        await view.getByTestId('layer-grid').waitFor({ timeout: WORK_MS });
        assert.match((await view.locator('.header-facts').textContent()) ?? '', /^ONNX/);
        await screenshot(page, 'format-onnx');
      },
    },
    {
      name: 'a file that is no model says so once and opens as text',
      async run() {
        const view = await analyze(FORMAT_FILES.prose);
        await view.getByTestId('not-a-model').waitFor({ timeout: WORK_MS });
        await screenshot(page, 'format-no-model');
        assert.equal(await page.locator('.notification-toast').count(), 0);
        await view.getByTestId('reopen-with').click();
        const choice = page.locator('.quick-input-list .monaco-list-row').filter({ hasText: 'Text Editor' }).first();
        await choice.waitFor();
        await choice.click();
        await page.locator('.view-lines').getByText('nobody brought a model').first().waitFor();
        await workbench.closeEditors();
      },
    },
  ];
}
