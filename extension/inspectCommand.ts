// "Inspect Headers": what a model is, and its tensors, as a JSON document.

import * as vscode from 'vscode';
import { spellFigures } from '../core/protocol/figures.ts';
import { withModel } from './engineModel.ts';
import type { Services } from './services.ts';

/** Longer documents make the text editor slow and nobody reads them: the views page through everything. */
const MAX_TENSORS = 20_000;

/** @returns the document shown */
export async function inspect(services: Services, model: vscode.Uri): Promise<vscode.TextDocument> {
  const found = await withModel(services, model, async ({ summary, call }) => {
    const table = await call('tensors', {});
    const { model: _engineId, openMs: _ms, ...facts } = summary;
    const tensors = table.names.slice(0, MAX_TENSORS).map((name, index) => ({
      name,
      dtype: table.dtypes[index],
      shape: table.shapes[index],
      scheme: table.schemes[index] || null,
      role: table.roles[index],
      layer: (table.layers[index] ?? -1) < 0 ? null : table.layers[index],
      bytes: table.bytes[index],
    }));
    return { ...facts, tensors };
  });
  const content = `${JSON.stringify(spellFigures(found), null, 2)}\n`;
  const document = await vscode.workspace.openTextDocument({ language: 'json', content });
  await vscode.window.showTextDocument(document, { preview: false });
  return document;
}
