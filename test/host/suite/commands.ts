// The main job through commands: inspect, plan, export, verify; and what broken input says.

import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import * as vscode from 'vscode';
import type { ExportResult, VerifyReport } from '../../../core/protocol/objects.ts';
import { zPlan } from '../../../core/protocol/plan.ts';
import { closeEverything, errorsShown, file } from './workspace.ts';

const TARGET_BITS_PER_WEIGHT = 5;

export function commandTests(): void {
  describe('commands', () => {
    const model = (): vscode.Uri => file('sample-llama', 'model.safetensors');
    const plan = (): vscode.Uri => file('out', 'sample.quantplan.json');
    const output = (): vscode.Uri => file('out', 'sample.gguf');
    afterEach(closeEverything);

    it('inspect shows every tensor as JSON', async () => {
      const document = await vscode.commands.executeCommand<vscode.TextDocument>('quantscope.inspect', model());
      assert.equal(document.languageId, 'json');
      const shown = JSON.parse(document.getText()) as { tensorCount: number; tensors: { shape: number[] }[] };
      assert.equal(shown.tensors.length, shown.tensorCount);
      assert.ok(shown.tensors.every(({ shape }) => shape.every((length) => length > 0)));
    });

    it('plan writes a valid plan that keeps the budget and its locks', async () => {
      await vscode.workspace.fs.createDirectory(file('out'));
      const locks = [{ pattern: 'embed_tokens', type: 'Q8_0' }];
      const options = { targetBitsPerWeight: TARGET_BITS_PER_WEIGHT, output: plan(), locks };
      const written = await vscode.commands.executeCommand<vscode.Uri>('quantscope.plan', model(), options);
      assert.equal(written?.fsPath, plan().fsPath);
      const text = new TextDecoder().decode(await vscode.workspace.fs.readFile(plan()));
      const { request, solution } = zPlan.parse(JSON.parse(text));
      assert.ok(solution.bytes <= request.targetBytes);
      const embeddings = Object.entries(solution.tensors).filter(([name]) => name.includes('embed_tokens'));
      assert.deepEqual(
        embeddings.map(([, { type }]) => type),
        ['Q8_0'],
      );
    });

    it('export writes exactly what was planned and verifies it', async () => {
      const options = { plan: plan(), format: 'gguf', output: output() };
      const result = await vscode.commands.executeCommand<ExportResult>('quantscope.export', model(), options);
      assert.ok(result, 'the export failed');
      assert.equal(statSync(output().fsPath).size, result.bytes);
      assert.equal(result.verify.ok, true);
      assert.ok(result.bitsPerWeight <= TARGET_BITS_PER_WEIGHT);
    });

    it('verify shows a report as a document', async () => {
      const report = await vscode.commands.executeCommand<VerifyReport>('quantscope.verify', model(), output());
      assert.equal(report?.ok, true);
      assert.match(
        vscode.window.activeTextEditor?.document.getText() ?? '',
        /^# sample\.gguf matches model\.safetensors/,
      );
    });

    it('an output that is the input is refused and the input stays', async () => {
      const before = statSync(model().fsPath).size;
      const options = { plan: plan(), format: 'safetensors', output: model(), overwrite: true };
      const shown = await errorsShown(async () =>
        vscode.commands.executeCommand('quantscope.export', model(), options),
      );
      assert.equal(shown.length, 1);
      assert.match(shown[0] ?? '', /model\.safetensors/);
      assert.equal(statSync(model().fsPath).size, before);
    });

    it('a truncated model names file and fact, once', async () => {
      const shown = await errorsShown(async () =>
        vscode.commands.executeCommand('quantscope.inspect', file('broken', 'truncated.safetensors')),
      );
      assert.equal(shown.length, 1);
      assert.match(shown[0] ?? '', /truncated\.safetensors: .*\d/);
    });

    it('a folder without a model says so', async () => {
      const shown = await errorsShown(async () =>
        vscode.commands.executeCommand('quantscope.analyze', file('out', '..', 'empty')),
      );
      assert.equal(shown.length, 1);
      assert.match(shown[0] ?? '', /empty holds no/);
    });

    it('a plan that is not one is refused by name', async () => {
      const options = {
        plan: file('broken', 'wrong.quantplan.json'),
        format: 'gguf',
        output: file('out', 'never.gguf'),
      };
      const shown = await errorsShown(async () =>
        vscode.commands.executeCommand('quantscope.export', model(), options),
      );
      assert.match(shown[0] ?? '', /wrong\.quantplan\.json/);
      assert.equal(existsSync(file('out', 'never.gguf').fsPath), false);
    });
  });
}
