// The status bar entry: what the engine works on, how far it is, and a click to cancel it.

import * as vscode from 'vscode';
import type { Event } from '../core/protocol/calls.ts';
import type { LongCall, RunningCalls } from './calls.ts';
import type { EngineClient } from './engineClient.ts';

/** How the engine may call what it does during a call: scores and measured plans calibrate and evaluate on their way. */
const TASKS: Readonly<Record<LongCall, readonly Event<'progress'>['task'][]>> = {
  statistics: ['statistics'],
  sensitivity: ['sensitivity'],
  calibrate: ['calibration'],
  score: ['sensitivity', 'calibration', 'evaluation'],
  measurePlans: ['evaluation', 'calibration', 'sensitivity'],
  tokenMap: ['calibration', 'evaluation'],
  export: ['export', 'verify'],
  verify: ['verify'],
};

const BUSY_CONTEXT = 'quantscope.busy';

export function showProgress(engine: EngineClient, running: RunningCalls): vscode.Disposable {
  const item = vscode.window.createStatusBarItem('quantscope.progress', vscode.StatusBarAlignment.Left, 0);
  item.name = vscode.l10n.t('Quantscope progress');
  item.command = 'quantscope.cancel';
  let latest: Event<'progress'> | undefined;

  const draw = (): void => {
    const [name] = running.names;
    void vscode.commands.executeCommand('setContext', BUSY_CONTEXT, name !== undefined);
    if (name === undefined) {
      latest = undefined;
      item.hide();
      return;
    }
    const progress = latest !== undefined && TASKS[name].includes(latest.task) ? latest : undefined;
    const percent = progress && progress.total > 0 ? ` ${Math.floor((100 * progress.done) / progress.total)} %` : '';
    item.text = `$(sync~spin) ${label(name)}${percent}`;
    item.tooltip = [
      progress?.message ?? '',
      progress?.secondsLeft != null ? vscode.l10n.t('about {0} s left', Math.ceil(progress.secondsLeft)) : '',
      vscode.l10n.t('Click to cancel'),
    ]
      .filter((line) => line !== '')
      .join('\n');
    item.show();
  };

  const subscriptions = [
    engine.onEvent(({ name, payload }) => {
      if (name !== 'progress') return;
      latest = payload as Event<'progress'>;
      draw();
    }),
    running.onChange(draw),
  ];
  return vscode.Disposable.from(item, ...subscriptions);
}

function label(task: LongCall): string {
  switch (task) {
    case 'statistics':
      return vscode.l10n.t('Scanning weights');
    case 'sensitivity':
      return vscode.l10n.t('Estimating sensitivity');
    case 'calibrate':
      return vscode.l10n.t('Calibrating');
    case 'score':
      return vscode.l10n.t('Measuring sensitivity');
    case 'measurePlans':
      return vscode.l10n.t('Measuring plans');
    case 'tokenMap':
      return vscode.l10n.t('Running a prompt');
    case 'export':
      return vscode.l10n.t('Exporting');
    case 'verify':
      return vscode.l10n.t('Verifying');
  }
}
