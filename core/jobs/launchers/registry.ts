// Every launcher, one line each.

import type { LauncherName } from '../../protocol/jobs.ts';
import type { Launcher } from './launcher.ts';
import { localLauncher } from './local.ts';
import { slurmLauncher } from './slurm.ts';

export const LAUNCHER: Readonly<Record<LauncherName, Launcher>> = { local: localLauncher, slurm: slurmLauncher };
