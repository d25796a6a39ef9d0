// "Plan Bits": measures sensitivity, solves for a budget, writes the plan document and opens it.

import { basename } from 'node:path';
import * as vscode from 'vscode';
import { PLAN_VERSION, type Plan, type PlanRequest } from '../core/protocol/plan.ts';
import { withModel } from './engineModel.ts';
import { PLAN_SUFFIX, writePlan } from './hostCalls.ts';
import { suggestedPath } from './modelPath.ts';
import type { Services } from './services.ts';
import { planDefaults } from './settings.ts';

/** Asked of the user where absent. */
export interface PlanOptions {
  targetBitsPerWeight?: number;
  output?: vscode.Uri;
  locks?: PlanRequest['locks'];
}

/** @returns where the plan was written, or undefined when the user dismissed a question */
export async function makePlan(
  services: Services,
  model: vscode.Uri,
  options: PlanOptions,
): Promise<vscode.Uri | undefined> {
  const target = options.targetBitsPerWeight ?? (await askTarget());
  if (target === undefined) return undefined;
  const output =
    options.output ??
    (await vscode.window.showSaveDialog({
      defaultUri: vscode.Uri.file(suggestedPath(model.fsPath, `-${target}bpw${PLAN_SUFFIX}`)),
      filters: { [vscode.l10n.t('Quantization plan')]: ['quantplan.json'] },
      title: vscode.l10n.t('Save plan'),
    }));
  if (output === undefined) return undefined;
  const plan = await withModel(services, model, async ({ summary, call }): Promise<Plan> => {
    if (summary.ggufBlocker !== null) throw new Error(`${basename(model.fsPath)}: ${summary.ggufBlocker}`);
    await call('sensitivity', {});
    const request: PlanRequest = {
      targetBytes: Math.floor((target * summary.parameters) / 8),
      choices: planDefaults().choices,
      locks: options.locks ?? [],
      pins: [],
      minimums: [],
    };
    const solution = await call('solve', { request });
    const { name, fingerprint } = summary;
    return { kind: 'quantscope.plan', version: PLAN_VERSION, model: { name, fingerprint }, request, solution };
  });
  await writePlan(output, plan);
  await vscode.window.showTextDocument(output, { preview: false });
  return output;
}

/** Lets the user choose among the plans of the workspace and opens one as text. */
export async function openPlan(): Promise<void> {
  const plan = await choosePlan();
  if (plan) await vscode.window.showTextDocument(plan, { preview: false });
}

/** A plan of the workspace, or one picked from disk; undefined when dismissed. */
export async function choosePlan(): Promise<vscode.Uri | undefined> {
  const found = await vscode.workspace.findFiles(`**/*${PLAN_SUFFIX}`, '**/node_modules/**', 500);
  const elsewhere = vscode.l10n.t('Choose a file…');
  const items = found.map((uri) => ({ label: vscode.workspace.asRelativePath(uri), uri }));
  const picked =
    items.length === 0
      ? { label: elsewhere, uri: undefined }
      : await vscode.window.showQuickPick([...items, { label: elsewhere, uri: undefined }], {
          placeHolder: vscode.l10n.t('Choose a plan'),
        });
  if (picked === undefined || picked.uri !== undefined) return picked?.uri;
  const [file] =
    (await vscode.window.showOpenDialog({
      filters: { [vscode.l10n.t('Quantization plan')]: ['quantplan.json', 'json'] },
    })) ?? [];
  return file;
}

async function askTarget(): Promise<number | undefined> {
  const text = await vscode.window.showInputBox({
    title: vscode.l10n.t('Plan Bits'),
    prompt: vscode.l10n.t('Bits per weight of the whole file'),
    value: String(planDefaults().targetBitsPerWeight),
    validateInput: (value) =>
      Number(value) > 0 && Number(value) <= 32
        ? undefined
        : vscode.l10n.t('A number above 0 and up to 32, such as 4.5'),
  });
  return text === undefined ? undefined : Number(text);
}
