// Broken input is explained where the model would have been, and the window goes on.

import assert from 'node:assert/strict';
import { MODEL_FOLDER } from '../host/workspaceFolder.ts';
import type { Check } from './checks.ts';
import { screenshot } from './screenshots.ts';
import type { WorkbenchPage } from './workbenchPage.ts';

export function brokenFiles(workbench: WorkbenchPage): Check[] {
  return [
    {
      name: 'a truncated file says file, fact and limit in the editor',
      async run() {
        await workbench.closeEditors();
        await workbench.expand('broken');
        await workbench.chooseInContextMenu('truncated.safetensors', 'Quantscope: Analyze Model');
        const view = await workbench.view();
        const failure = view.getByTestId('failure');
        await failure.waitFor({ timeout: 60_000 });
        assert.match((await failure.textContent()) ?? '', /truncated\.safetensors: .*\d/);
        await screenshot(workbench.page, 'failure');
      },
    },
    {
      name: 'a good file opens after it',
      async run() {
        await workbench.closeEditors();
        await workbench.expand(MODEL_FOLDER);
        await workbench.chooseInContextMenu('model.safetensors', 'Quantscope: Analyze Model');
        const view = await workbench.view();
        await view.getByTestId('layer-grid').waitFor({ timeout: 60_000 });
      },
    },
  ];
}
