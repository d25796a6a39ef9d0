// The settings of `quantscope.*`, read when needed, checked because settings files are written by hand.

import * as vscode from 'vscode';
import { type JobWish, zDeviceWish, zGpuBufferMiB } from '../core/protocol/jobs.ts';
import { zTarget } from '../core/protocol/objects.ts';
import { DEFAULT_CHOICES, type PlanRequest } from '../core/protocol/plan.ts';
import { type SlurmSettings, zSlurmSettings } from '../core/protocol/slurm.ts';

export interface PlanDefaults {
  readonly targetBitsPerWeight: number;
  readonly choices: PlanRequest['choices'];
}

const MIN_BITS_PER_WEIGHT = 1;
const MAX_BITS_PER_WEIGHT = 32;

/** Environment of the engine process; undefined leaves the engine's own default. */
export function engineEnvironment(): Record<string, string | undefined> {
  const settings = vscode.workspace.getConfiguration('quantscope');
  const count = (name: string): string | undefined => {
    const value = settings.get<number>(name, 0);
    return Number.isFinite(value) && value > 0 ? String(Math.floor(value)) : undefined;
  };
  return {
    QUANTSCOPE_THREADS: count('engine.threads'),
    QUANTSCOPE_DEVICE: settings.get<string>('engine.device', 'auto'),
    QUANTSCOPE_SENSITIVITY_ELEMENTS: count('sensitivity.maxElements'),
    QUANTSCOPE_CACHE: settings.get<string>('cacheFolder', '').trim() || process.env.QUANTSCOPE_CACHE,
  };
}

export function planDefaults(): PlanDefaults {
  const settings = vscode.workspace.getConfiguration('quantscope');
  const target = settings.get<number>('plan.targetBitsPerWeight', 4.5);
  const choices = (settings.get<unknown[]>('plan.choices') ?? []).flatMap((choice) => {
    const parsed = zTarget.safeParse(choice);
    return parsed.success ? [parsed.data] : [];
  });
  return {
    targetBitsPerWeight: Math.min(MAX_BITS_PER_WEIGHT, Math.max(MIN_BITS_PER_WEIGHT, Number(target) || 4.5)),
    choices: choices.length > 0 ? choices : [...DEFAULT_CHOICES],
  };
}

export interface JobDefaults extends Pick<JobWish, 'device' | 'threads' | 'gpuBufferMiB'> {
  /** Jobs on this machine at once; the others wait their turn. 0 = no limit. */
  readonly maxRunning: number;
}

export function jobDefaults(): JobDefaults {
  const settings = vscode.workspace.getConfiguration('quantscope.jobs');
  const count = (name: string, otherwise: number): number => {
    const value = settings.get<number>(name, otherwise);
    return Number.isFinite(value) && value >= 0 ? Math.floor(value) : otherwise;
  };
  const threads = count('threads', 0);
  return {
    device: zDeviceWish.safeParse(settings.get('device')).data ?? 'auto',
    threads: threads === 0 ? null : threads,
    gpuBufferMiB: zGpuBufferMiB.safeParse(settings.get('gpuBufferMiB')).data ?? null,
    maxRunning: count('maxRunning', 1),
  };
}

/** @throws Error naming the field that cannot be used: a job in the wrong queue is worse than none */
export function slurmSettings(): SlurmSettings {
  const parsed = zSlurmSettings.safeParse(vscode.workspace.getConfiguration('quantscope.jobs').get('slurm') ?? {});
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Error(`quantscope.jobs.slurm: ${issue?.path.join('.') || 'value'}: ${issue?.message ?? ''}`);
}
