// A workspace nobody trusts yet: models can be looked at, nothing can be written.

import assert from 'node:assert/strict';
import { MODEL_FOLDER } from '../host/workspaceFolder.ts';
import type { Check } from './checks.ts';
import type { WorkbenchPage } from './workbenchPage.ts';

export function restricted(workbench: WorkbenchPage): Check[] {
  const { page } = workbench;
  return [
    {
      name: 'a model opens without trust',
      async run() {
        await page.getByText('Restricted Mode', { exact: true }).waitFor({ timeout: 30_000 });
        await workbench.expand(MODEL_FOLDER);
        await workbench.chooseInContextMenu('model.safetensors', 'Quantscope: Analyze Model');
        const view = await workbench.view();
        await view.getByTestId('layer-grid').waitFor({ timeout: 60_000 });
      },
    },
    {
      name: 'running it asks for trust',
      async run() {
        const view = await workbench.view();
        await view.getByTestId('open-calibration').click();
        const refused = view.getByTestId('failure').filter({ hasText: 'trust the workspace' });
        await refused.waitFor({ timeout: 30_000 });
        assert.notEqual(await view.getByTestId('calibrate-run').getAttribute('disabled'), null);
      },
    },
    {
      name: 'exporting is not offered in the palette',
      async run() {
        const offered = await workbench.commandsMatching('Quantscope:');
        assert.ok(
          offered.some((title) => title.includes('Inspect Headers')),
          offered.join(),
        );
        assert.deepEqual(
          offered.filter((title) => title.includes('Export with a Plan')),
          [],
        );
      },
    },
  ];
}
