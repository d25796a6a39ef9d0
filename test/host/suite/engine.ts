// The engine process from inside the extension host: it may die, the window and the editor may not.

import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { closeEverything, extension, file, until } from './workspace.ts';

export function engineTests(): void {
  describe('engine process', () => {
    const model = (): vscode.Uri => file('sample-llama', 'model.safetensors');
    afterEach(closeEverything);

    it('is another process', async () => {
      await vscode.commands.executeCommand('quantscope.inspect', model());
      const { enginePid } = extension().exports;
      assert.ok(enginePid !== undefined && enginePid !== process.pid);
    });

    it('comes back after being killed, and the open editor asks it again', async () => {
      const { exports: api } = extension();
      await vscode.commands.executeCommand('quantscope.analyze', model());
      const first = await until('the model', () => api.openModels().find((open) => open.tensors !== null));
      const pid = api.enginePid;
      assert.ok(pid);
      const restarted = Date.now();
      process.kill(pid, 'SIGKILL');
      await until('a new engine', () => api.enginePid !== undefined && api.enginePid !== pid);
      assert.ok(Date.now() - restarted < 10_000);
      const document = await vscode.commands.executeCommand<vscode.TextDocument>('quantscope.inspect', model());
      assert.match(document.getText(), /"tensors"/);
      const again = api.openModels().find((open) => open.path === first.path);
      assert.ok(again, 'the editor is still there');
    });

    it('restarts on command', async () => {
      const { exports: api } = extension();
      const before = api.enginePid;
      await vscode.commands.executeCommand('quantscope.restartEngine');
      assert.notEqual(api.enginePid, before);
      assert.ok((api.enginePid ?? 0) > 0);
    });
  });
}
