// Slurm's settings on the command line: a file for a site, flags for a job.

import { QuantscopeError } from '../../base/errors.ts';
import { readTextFile } from '../../io/textFile.ts';
import { type SlurmSettings, zSlurmSettings } from '../../protocol/slurm.ts';
import { numberOption } from '../numberOption.ts';
import type { OptionTable, OptionValues } from './command.ts';

/** A page of settings; prologues included. */
const MAX_SETTINGS_BYTES = 256 * 1024;

/** Flag → setting. */
const TEXTS = {
  'slurm-partition': 'partition',
  'slurm-account': 'account',
  'slurm-qos': 'qos',
  'slurm-constraint': 'constraint',
  'slurm-time': 'time',
  'slurm-gres': 'gres',
  'slurm-memory': 'memory',
  'slurm-ssh': 'ssh',
} as const;
const NUMBERS = { shards: 'shards', 'slurm-cpus': 'cpus' } as const;

export const SLURM_OPTIONS: OptionTable = Object.fromEntries(
  [...Object.keys(TEXTS), ...Object.keys(NUMBERS), 'slurm-settings'].map((name) => [name, { type: 'string' }]),
);

export const SLURM_USAGE = ` [--shards N] [--slurm-settings FILE.json] ${Object.keys(TEXTS)
  .map((name) => `[--${name} ${name === 'slurm-ssh' ? '[USER@]HOST' : name.slice(6).toUpperCase()}]`)
  .join(' ')} [--slurm-cpus N]`;

/** What nothing would read is rather refused than ignored. @throws USAGE */
export function refuseSlurmOptions(values: OptionValues): undefined {
  const flag = Object.keys(SLURM_OPTIONS).find((name) => values[name] !== undefined);
  if (flag !== undefined) throw new QuantscopeError('USAGE', `job: --${flag} belongs to --launcher slurm`);
}

/** @throws USAGE naming the flag, or the field of the file */
export async function readSlurmOptions(values: OptionValues): Promise<SlurmSettings> {
  const path = values['slurm-settings'];
  const file = typeof path === 'string' ? await settingsFile(path) : {};
  const flags: Record<string, string | number> = {};
  for (const [flag, name] of Object.entries(TEXTS)) {
    const value = values[flag];
    if (typeof value === 'string') flags[name] = value;
  }
  for (const [flag, name] of Object.entries(NUMBERS)) {
    const value = numberOption(values[flag], `--${flag}`);
    if (value !== undefined) flags[name] = value;
  }
  const parsed = zSlurmSettings.safeParse({ ...file, ...flags });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = issue?.path.join('.') ?? '';
  const flag = Object.entries({ ...TEXTS, ...NUMBERS }).find(([, name]) => name === field)?.[0];
  const place =
    flag !== undefined && field in flags ? `--${flag}` : `--slurm-settings${field === '' ? '' : `, ${field}`}`;
  throw new QuantscopeError('USAGE', `job: ${place}: ${issue?.message ?? 'invalid'}`);
}

/** @throws USAGE when it holds no JSON object */
async function settingsFile(path: string): Promise<object> {
  const text = await readTextFile(path, MAX_SETTINGS_BYTES);
  try {
    const document: unknown = JSON.parse(text);
    if (typeof document === 'object' && document !== null && !Array.isArray(document)) return document;
  } catch (cause) {
    throw new QuantscopeError('USAGE', `job: --slurm-settings: ${path} is not JSON`, { cause });
  }
  throw new QuantscopeError('USAGE', `job: --slurm-settings: ${path} holds no JSON object`);
}
