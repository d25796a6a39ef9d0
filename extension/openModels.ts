// The models shown in editors right now: what the tree lists and what commands act on.

import * as vscode from 'vscode';
import type { ModelSummary, TensorTable } from '../core/protocol/objects.ts';

/** One editor showing a model. */
export interface ModelEditor {
  readonly uri: vscode.Uri;
  readonly panel: vscode.WebviewPanel;
  /** As far as the engine has answered. */
  readonly summary: ModelSummary | undefined;
  readonly table: TensorTable | undefined;
  /** Steers the view; waits until the view is there. */
  show(view: string, tensor: number | null): void;
}

export class OpenModels {
  readonly #editors = new Set<ModelEditor>();
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onChange = this.#changed.event;

  add(editor: ModelEditor): vscode.Disposable {
    this.#editors.add(editor);
    this.changed();
    return new vscode.Disposable(() => {
      this.#editors.delete(editor);
      this.changed();
    });
  }

  changed(): void {
    this.#changed.fire();
  }

  /** One per model, in the order opened. */
  list(): ModelEditor[] {
    const byPath = new Map<string, ModelEditor>();
    for (const editor of this.#editors) if (!byPath.has(editor.uri.fsPath)) byPath.set(editor.uri.fsPath, editor);
    return [...byPath.values()];
  }

  /** The editor in front, or one that shows `uri`. */
  find(uri?: vscode.Uri): ModelEditor | undefined {
    const editors = [...this.#editors];
    if (uri) {
      const showing = editors.filter((editor) => editor.uri.fsPath === uri.fsPath);
      return showing.find((editor) => editor.panel.active) ?? showing[0];
    }
    return editors.find((editor) => editor.panel.active) ?? editors.find((editor) => editor.panel.visible);
  }
}
