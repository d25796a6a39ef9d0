// The workbench as a person uses it: Explorer, menus, palette, save dialog, and the view inside its two frames.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, ConsoleMessage, Frame, Locator, Page } from 'playwright-core';

const SLOW_MS = 60_000;
const MENU_MS = 3000;
const MENU_DEAF_MS = 400;
const DIALOG_SETTLES_MS = 500;

export class WorkbenchPage {
  readonly page: Page;
  /** Errors of our own pages: uncaught ones, console errors, refused by the content security policy. */
  readonly troubles: string[] = [];

  constructor(page: Page) {
    this.page = page;
    page.on('console', (message) => {
      if (message.type() === 'error' && isOurs(message)) this.troubles.push(message.text());
    });
    page.on('pageerror', (error) => {
      if (/dist\/webview/.test(error.stack ?? '')) this.troubles.push(error.stack ?? error.message);
    });
  }

  static async open(browser: Browser, url: string, size = { width: 1600, height: 1000 }): Promise<WorkbenchPage> {
    const workbench = new WorkbenchPage(await browser.newPage({ viewport: size }));
    await workbench.page.goto(url);
    await workbench.ready();
    return workbench;
  }

  /** Until the extension under development has contributed its container to the activity bar. */
  async ready(): Promise<void> {
    await this.page.locator('.explorer-folders-view .monaco-list-row').first().waitFor({ timeout: SLOW_MS });
    await this.page.locator('.activitybar [aria-label^="Quantscope"]').first().waitFor({ timeout: SLOW_MS });
  }

  row(name: string): Locator {
    return this.page
      .locator('.explorer-folders-view .monaco-list-row')
      .filter({ has: this.page.getByText(name, { exact: true }) });
  }

  async expand(name: string): Promise<void> {
    const row = this.row(name);
    if ((await row.getAttribute('aria-expanded')) !== 'true') await row.click();
  }

  /** Right-click in the Explorer and choose. */
  async chooseInContextMenu(row: string, item: string): Promise<void> {
    const entry = this.page.getByRole('menuitem', { name: item });
    // A menu shows what was contributed when it opened: in a window that has just opened, maybe not everything.
    for (const began = performance.now(); ; ) {
      await this.row(row).click({ button: 'right' });
      const shown = await entry.waitFor({ timeout: MENU_MS }).then(
        () => true,
        () => false,
      );
      if (shown) break;
      if (performance.now() - began > SLOW_MS) throw new Error(`the menu of ${row} does not offer ${item}`);
      await this.page.keyboard.press('Escape');
    }
    // A menu ignores the button for a moment after it opens, so that the opening click chooses nothing.
    await this.page.waitForTimeout(MENU_DEAF_MS);
    await entry.click();
    await entry.waitFor({ state: 'detached' });
  }

  /** Runs a command by its title in the command palette. */
  async command(title: string): Promise<void> {
    await this.page.keyboard.press('F1');
    const input = this.page.locator('.quick-input-widget input');
    await input.fill(`>${title}`);
    await this.page.locator('.quick-input-list .monaco-list-row').filter({ hasText: title }).first().click();
  }

  /** An entry of the list that is open, or about to be. */
  async choose(label: string): Promise<void> {
    const entry = this.page.locator('.quick-input-list .monaco-list-row').filter({ hasText: label }).first();
    await entry.waitFor({ timeout: SLOW_MS });
    await entry.click();
  }

  /** Titles the palette offers for some text. */
  async commandsMatching(text: string): Promise<string[]> {
    await this.page.keyboard.press('F1');
    await this.page.locator('.quick-input-widget input').fill(`>${text}`);
    const rows = this.page.locator('.quick-input-list .monaco-list-row');
    await rows.filter({ hasText: text }).first().waitFor();
    const titles = await rows.allTextContents();
    await this.page.keyboard.press('Escape');
    return titles;
  }

  /** Answers the save dialog that is open, or about to be. */
  async saveAs(path: string): Promise<void> {
    await this.#answerDialog(path, /^(Export|OK|Save|Start)/);
  }

  /** Answers the open dialog that is open, or about to be. */
  async openFile(path: string): Promise<void> {
    await this.#answerDialog(path, /^(Open|OK)/);
  }

  async #answerDialog(path: string, button: RegExp): Promise<void> {
    const widget = this.page.locator('.quick-input-widget');
    const input = widget.locator('input[type="text"]');
    await input.waitFor({ timeout: SLOW_MS });
    // The dialog proposes its own name a moment after it appears, over whatever was typed before.
    do {
      await input.fill(path);
      await this.page.waitForTimeout(DIALOG_SETTLES_MS);
    } while ((await input.inputValue()) !== path);
    await widget.getByRole('button', { name: button }).click();
  }

  /** The frame the app runs in, once it has drawn anything. */
  async view(): Promise<Frame> {
    const deadline = Date.now() + SLOW_MS;
    while (Date.now() < deadline) {
      for (const frame of this.page.frames()) {
        if (!frame.url().includes('/fake.html')) continue;
        const drawn = await frame
          .locator('#root > *')
          .first()
          .isVisible()
          .catch(() => false);
        if (drawn) return frame;
      }
      await this.page.waitForTimeout(100);
    }
    throw new Error(`no view appeared; frames: ${this.page.frames().map((frame) => frame.url().slice(0, 120))}`);
  }

  async closeEditors(): Promise<void> {
    await this.command('View: Close All Editors');
  }
}

/** Colour theme and the like: settings of the opened folder, which the workbench follows at once. */
export function writeSettings(folder: string, settings: Record<string, unknown>): void {
  mkdirSync(join(folder, '.vscode'), { recursive: true });
  writeFileSync(join(folder, '.vscode', 'settings.json'), JSON.stringify(settings));
}

/** The workbench logs much of its own; only what comes from our page or breaks its policy counts. */
function isOurs(message: ConsoleMessage): boolean {
  const { url } = message.location();
  return /dist\/webview|fake\.html/.test(url) || /dist\/webview/.test(message.text());
}
