// The custom editor: opens the sample, knows it, several times if asked, and survives closing.

import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { closeEverything, customTabs, extension, file, until } from './workspace.ts';

const EDITOR_TYPE = 'quantscope.checkpoint';

export function editorTests(): void {
  describe('checkpoint editor', () => {
    afterEach(closeEverything);

    it('is the default for a model file and the view opens the model in the engine', async () => {
      const model = file('sample-llama', 'model.safetensors');
      await vscode.commands.executeCommand('vscode.open', model);
      const tab = await until('a custom tab', () => customTabs()[0]);
      assert.equal(tab.viewType, EDITOR_TYPE);
      const { exports: api } = extension();
      const opened = await until('the model to be opened', () =>
        api.openModels().find((open) => open.tensors !== null),
      );
      assert.equal(opened.path, model.fsPath);
      assert.ok((opened.tensors ?? 0) > 0);
      assert.ok((api.enginePid ?? 0) > 0);
    });

    it('opens the model of a folder', async () => {
      await vscode.commands.executeCommand('quantscope.analyze', file('sample-llama'));
      const tab = await until('a custom tab', () => customTabs()[0]);
      assert.equal(tab.uri.fsPath, file('sample-llama', 'model.safetensors').fsPath);
    });

    it('opens the model that is to be calibrated, once', async () => {
      const model = file('sample-llama', 'model.safetensors');
      await vscode.commands.executeCommand('quantscope.calibrate', model);
      await until('a custom tab', () => customTabs()[0]);
      await vscode.commands.executeCommand('quantscope.calibrate', model);
      assert.deepEqual(
        customTabs().map(({ uri }) => uri.fsPath),
        [model.fsPath],
      );
    });

    it('shows one model in several editors', async () => {
      const model = file('sample-llama', 'model.safetensors');
      await vscode.commands.executeCommand('vscode.openWith', model, EDITOR_TYPE);
      await vscode.commands.executeCommand('vscode.openWith', model, EDITOR_TYPE, vscode.ViewColumn.Beside);
      await until('two custom tabs', () => customTabs().length === 2);
      assert.equal(extension().exports.openModels().length, 1);
    });

    it('forgets the model when its editor closes', async () => {
      await vscode.commands.executeCommand('quantscope.analyze', file('sample-llama', 'model.safetensors'));
      const { exports: api } = extension();
      await until('the model', () => api.openModels().length === 1);
      await closeEverything();
      await until('no model', () => api.openModels().length === 0);
    });
  });
}
