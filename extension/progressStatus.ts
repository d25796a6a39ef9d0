// The status bar entry: what the engine works on, how far it is, and a click to cancel it.

import * as vscode from 'vscode';
import type { Event } from '../core/protocol/calls.ts';
import type { LongCall, RunningCalls } from './calls.ts';
import type { EngineClient } from './engineClient.ts';

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
    const progress = latest?.task === name ? latest : undefined;
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
      return vscode.l10n.t('Measuring sensitivity');
    case 'export':
      return vscode.l10n.t('Exporting');
    case 'verify':
      return vscode.l10n.t('Verifying');
  }
}
