// The same view in every kind of theme, wide and narrow: readable, accessible, nothing beside the screen.

import assert from 'node:assert/strict';
import { MODEL_FOLDER } from '../host/workspaceFolder.ts';
import { seriousViolations } from './accessibility.ts';
import type { Check } from './checks.ts';
import { screenshot } from './screenshots.ts';
import { type WorkbenchPage, writeSettings } from './workbenchPage.ts';

const THEMES = {
  dark: 'Default Dark Modern',
  light: 'Default Light Modern',
  'high-contrast': 'Default High Contrast',
  'high-contrast-light': 'Default High Contrast Light',
};
const WIDTHS = [1600, 800];

export function appearance(workbench: WorkbenchPage, folder: string): Check[] {
  const { page } = workbench;
  return Object.entries(THEMES).flatMap(([kind, theme]) =>
    WIDTHS.map((width) => ({
      name: `${kind}, ${width} px`,
      async run() {
        writeSettings(folder, { 'workbench.colorTheme': theme });
        await page.setViewportSize({ width, height: width === 800 ? 1200 : 1000 });
        let view = await workbench.view().catch(() => undefined);
        if (view === undefined) {
          await workbench.expand(MODEL_FOLDER);
          await workbench.chooseInContextMenu('model.safetensors', 'Quantscope: Analyze Model');
          view = await workbench.view();
        }
        const className =
          kind === 'high-contrast'
            ? 'vscode-high-contrast'
            : kind.startsWith('high')
              ? 'vscode-high-contrast-light'
              : `vscode-${kind}`;
        await view.locator(`body.${className}`).waitFor({ timeout: 20_000 });
        await view.getByTestId('lens-outliers').click();
        await page.waitForTimeout(700);
        await screenshot(page, `theme-${kind}-${width}`);
        const overflow = await view.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
        assert.ok(overflow <= 0, `the page is ${overflow} px wider than the window`);
        assert.deepEqual(await seriousViolations(view), []);
      },
    })),
  );
}
