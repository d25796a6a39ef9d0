// Which files the editor claims, which it is an option for, and what it does with one that is no model.

import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { closeEverything, customTabs, errorsShown, extension, file, until } from './workspace.ts';

const CLAIMED = ['net.onnx', 'weights.npy', 'calibration.imatrix'];
const OPTIONAL = ['net.pt', 'hostile.pt'];

export function formatTests(): void {
  describe('formats', () => {
    const of = (name: string): vscode.Uri => file('formats', name);
    const opened = (name: string) =>
      until(`${name} in the engine`, () =>
        extension()
          .exports.openModels()
          .find(({ path, tensors }) => path === of(name).fsPath && tensors !== null),
      );
    afterEach(closeEverything);

    for (const name of CLAIMED) {
      it(`${name} opens by itself`, async () => {
        await vscode.commands.executeCommand('vscode.open', of(name));
        const tab = await until('a custom tab', () => customTabs()[0]);
        assert.equal(tab.viewType, 'quantscope.checkpoint');
        assert.ok(((await opened(name)).tensors ?? 0) > 0);
      });
    }

    for (const name of OPTIONAL) {
      it(`${name} is opened when asked, and not before`, async () => {
        await vscode.commands.executeCommand('vscode.open', of(name));
        await until('a tab', () => vscode.window.tabGroups.activeTabGroup.activeTab !== undefined);
        assert.deepEqual(customTabs(), []);
        await closeEverything();
        await vscode.commands.executeCommand('quantscope.analyze', of(name));
        const tab = await until('a custom tab', () => customTabs()[0]);
        assert.equal(tab.viewType, 'quantscope.checkpointOption');
        assert.equal((await opened(name)).tensors, 2);
      });
    }

    it('a file that is no model raises no error of its own: its view says so', async () => {
      const shown = await errorsShown(async () => {
        await vscode.commands.executeCommand('quantscope.analyze', of('notes.bin'));
        await until('a custom tab', () => customTabs()[0]);
        await until('the editor', () => extension().exports.openModels().length === 1);
        // Longer than the engine takes to look at it.
        await new Promise((resolve) => setTimeout(resolve, 1000));
      });
      assert.deepEqual(shown, []);
      assert.equal(extension().exports.openModels()[0]?.tensors, null);
    });

    it('a folder opens the one file in it that surely is a model', async () => {
      const window = vscode.window as { showQuickPick: unknown };
      const original = window.showQuickPick;
      let offered: readonly string[] = [];
      window.showQuickPick = (items: readonly string[]) => {
        offered = items;
        return Promise.resolve(undefined);
      };
      try {
        await vscode.commands.executeCommand('quantscope.analyze', file('formats'));
      } finally {
        window.showQuickPick = original;
      }
      // What other programs name alike, and what lies beside models, does not compete.
      assert.deepEqual(offered, []);
      assert.equal((await until('a custom tab', () => customTabs()[0])).uri.fsPath, of('net.onnx').fsPath);
    });
  });
}
