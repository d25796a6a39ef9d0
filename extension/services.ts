// What the parts of the extension share.

import type * as vscode from 'vscode';
import type { RunningCalls } from './calls.ts';
import type { EngineClient } from './engineClient.ts';
import type { ExportHistory } from './exportHistory.ts';
import type { Jobs } from './jobs.ts';
import type { OpenModels } from './openModels.ts';
import type { ViewStates } from './viewStates.ts';

export interface Services {
  readonly context: vscode.ExtensionContext;
  readonly log: vscode.LogOutputChannel;
  readonly engine: EngineClient;
  readonly running: RunningCalls;
  readonly models: OpenModels;
  readonly exports: ExportHistory;
  readonly jobs: Jobs;
  readonly viewStates: ViewStates;
}
