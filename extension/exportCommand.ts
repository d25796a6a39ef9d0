// "Export with a Plan": preflight, then one streamed, verified export; also started from a plan document.

import { basename, dirname } from 'node:path';
import * as vscode from 'vscode';
import * as z from 'zod';
import { QuantscopeError } from '../core/protocol/failures.ts';
import type { ExportFormat, ExportResult } from '../core/protocol/objects.ts';
import { type Plan, zPlan } from '../core/protocol/plan.ts';
import { announceExport } from './announce.ts';
import { withModel } from './engineModel.ts';
import { PLAN_SUFFIX, pickOutput } from './hostCalls.ts';
import type { ModelEditor, OpenModels } from './openModels.ts';
import { choosePlan } from './planCommand.ts';
import type { Services } from './services.ts';

/** Asked of the user where absent. */
export interface ExportOptions {
  plan?: vscode.Uri;
  format?: ExportFormat;
  output?: vscode.Uri;
  overwrite?: boolean;
}

export type ChooseModel = (uri?: vscode.Uri) => Promise<vscode.Uri | undefined>;

/** A model, a plan for it and a format. */
export interface WantedExport {
  readonly model: vscode.Uri;
  readonly plan: Plan;
  readonly format: ExportFormat;
  /** What the plan is called. */
  readonly name: string;
}

/**
 * @param uri a model, or a `*.quantplan.json`; undefined asks for both
 * @returns undefined when the user dismissed a question
 */
export async function askForExport(
  services: Services,
  uri: vscode.Uri | undefined,
  options: Pick<ExportOptions, 'plan' | 'format'>,
  chooseModel: ChooseModel,
): Promise<WantedExport | undefined> {
  const given = uri?.path.endsWith(PLAN_SUFFIX) ? uri : undefined;
  const planFile = options.plan ?? given ?? (await choosePlan());
  if (planFile === undefined) return undefined;
  const plan = await readPlan(planFile);
  const beside = vscode.Uri.file(dirname(planFile.fsPath));
  const open = fitting(services.models, plan)?.uri;
  const model = given || !uri ? await chooseModel(open ?? (given ? beside : undefined)) : await chooseModel(uri);
  if (model === undefined) return undefined;
  const format = options.format ?? (await pickFormat());
  return format && { model, plan, format, name: basename(planFile.fsPath, PLAN_SUFFIX) };
}

/** The model in front, else the first open one, that has every tensor of the plan. */
function fitting(models: OpenModels, { solution }: Plan): ModelEditor | undefined {
  const planned = Object.keys(solution.tensors);
  const front = models.find();
  return [...(front === undefined ? [] : [front]), ...models.list()].find(({ table }) => {
    const names = new Set(table?.names);
    return planned.every((name) => names.has(name));
  });
}

/** As `askForExport`. @returns what was exported, or undefined when the user dismissed a question */
export async function exportWithPlan(
  services: Services,
  uri: vscode.Uri | undefined,
  options: ExportOptions,
  chooseModel: ChooseModel,
): Promise<ExportResult | undefined> {
  if (!vscode.workspace.isTrusted) {
    throw new Error(vscode.l10n.t('Exporting is off in a restricted workspace: trust the workspace to export.'));
  }
  const wanted = await askForExport(services, uri, options, chooseModel);
  if (wanted === undefined) return undefined;
  const { model, plan, format, name } = wanted;
  const output = options.output?.fsPath ?? (await pickOutput(format, model.fsPath, `${name}.${format}`));
  if (output === null) return undefined;
  const result = await withModel(services, model, async ({ call }) => {
    const { checks, ok } = await call('preflight', { plan, format, output });
    // The save dialog has already asked about replacing.
    const overwrite = options.overwrite ?? options.output === undefined;
    const failed = checks.filter((check) => !check.ok);
    if (!ok && failed.length > 0) throw new Error(failed.map((check) => check.message).join('; '));
    return call('export', { plan, format, output, overwrite });
  });
  await services.exports.add(model.fsPath, result);
  void announceExport(result);
  return result;
}

/** @throws QuantscopeError PLAN_INVALID naming the file and the first thing wrong with it */
export async function readPlan(file: vscode.Uri): Promise<Plan> {
  const text = new TextDecoder().decode(await vscode.workspace.fs.readFile(file));
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (error) {
    throw new QuantscopeError(
      'PLAN_INVALID',
      `${file.fsPath}: not JSON: ${error instanceof Error ? error.message : error}`,
    );
  }
  const parsed = zPlan.safeParse(raw);
  if (!parsed.success) throw new QuantscopeError('PLAN_INVALID', `${file.fsPath}: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

async function pickFormat(): Promise<ExportFormat | undefined> {
  const choices = [
    { label: 'GGUF', description: vscode.l10n.t('runs in llama.cpp'), format: 'gguf' as const },
    {
      label: 'safetensors',
      description: vscode.l10n.t('de-quantized BF16, simulated'),
      format: 'safetensors' as const,
    },
  ];
  return (await vscode.window.showQuickPick(choices, { placeHolder: vscode.l10n.t('Export format') }))?.format;
}
