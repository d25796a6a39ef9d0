// The activity-bar container: open models lead into the view, finished exports are listed.

import assert from 'node:assert/strict';
import type { Check } from './checks.ts';
import { screenshot } from './screenshots.ts';
import type { WorkbenchPage } from './workbenchPage.ts';

export function sideBar(workbench: WorkbenchPage, exported: string): Check[] {
  const { page } = workbench;
  const item = (text: string) => page.locator('.pane-body .monaco-list-row').filter({ hasText: text }).first();
  return [
    {
      name: 'a tensor chosen in the tree is selected in the view',
      async run() {
        await page.locator('.activitybar [aria-label^="Quantscope"]').first().click();
        await item('sample-llama').locator('.monaco-tl-twistie').click();
        await item('Layer 2').locator('.monaco-tl-twistie').click();
        await item('256 × 768').click();
        const view = await workbench.view();
        const name = view.getByTestId('tensor-name').filter({ hasText: 'layers.2.mlp.down_proj' });
        await name.waitFor({ timeout: 20_000 });
        await screenshot(page, 'side-bar');
      },
    },
    {
      name: 'the export is listed with its size',
      async run() {
        const row = item(exported);
        await row.waitFor();
        assert.match((await row.textContent()) ?? '', /MB · \d+\.\d+ bpw/);
      },
    },
    {
      name: 'its click opens it in its own editor',
      async run() {
        await item(exported).click();
        await page.locator('.tab').filter({ hasText: exported }).waitFor();
        const view = await workbench.view();
        await view.getByText('gguf', { exact: false }).first().waitFor({ timeout: 30_000 });
        await page.locator('.activitybar [aria-label^="Explorer"]').first().click();
      },
    },
  ];
}
