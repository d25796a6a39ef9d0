// Types of what assembly/index.ts exports, put together from one interface per kernel family.

import type { ConvertExports } from './convertExports.ts';
import type { ErrorExports } from './errorExports.ts';
import type { GptqExports } from './gptqExports.ts';
import type { KQuantExports } from './kQuantExports.ts';
import type { LegacyQuantExports } from './legacyQuantExports.ts';
import type { StatisticsExports } from './statisticsExports.ts';

interface InstanceExports {
  readonly memory: WebAssembly.Memory;
  heapBase(): number;
}

export type KernelExports = InstanceExports &
  ConvertExports &
  StatisticsExports &
  LegacyQuantExports &
  KQuantExports &
  ErrorExports &
  GptqExports;
