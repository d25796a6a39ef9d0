// A small job, its model, and the bytes a direct export makes.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { runExport } from '../../../core/export/runExport.ts';
import { createJob, type NewJob } from '../../../core/jobs/createJob.ts';
import { JournalReader } from '../../../core/jobs/journalReader.ts';
import type { Pool } from '../../../core/kernels/pool.ts';
import type { JournalRecord } from '../../../core/protocol/jobs.ts';
import { writeLlamaFolder } from '../export/exportFixtures.ts';
import { planFor } from '../export/plans.ts';

export const VERSIONS = { quantscope: '1.0.0', node: 'v24', platform: 'test' };
const TYPES = ['Q8_0', 'F16', 'Q4_0', 'BF16'] as const;

export interface JobRig {
  readonly parent: string;
  readonly model: string;
  readonly expected: Buffer;
  wish(name: string, more?: Partial<NewJob>): Promise<NewJob>;
  /** @returns the folder */
  make(name: string, more?: Partial<NewJob>): Promise<string>;
}

export async function jobRig(parent: string, pool: Pool): Promise<JobRig> {
  const model = writeLlamaFolder(parent, 'model');
  const checkpoint = await openCheckpoint(model);
  const plan = planFor(checkpoint, (_, at) => TYPES[at % TYPES.length] ?? 'F16');
  const output = join(parent, 'direct.gguf');
  if (!existsSync(output)) await runExport('gguf', { checkpoint, plan, output, overwrite: false }, { pool });
  const wish = async (name: string, more: Partial<NewJob> = {}): Promise<NewJob> => ({
    inputs: { checkpoint: await openCheckpoint(model) },
    plan,
    format: 'gguf',
    folder: join(parent, name),
    output: 'model.gguf',
    importance: null,
    device: 'auto',
    threads: null,
    launcher: 'local',
    workers: 2,
    ...more,
  });
  return {
    parent,
    model,
    expected: readFileSync(output),
    wish,
    async make(name, more) {
      const { paths } = await createJob(await wish(name, more), VERSIONS, (folder) => ({
        program: 'node',
        args: [folder],
      }));
      return paths.folder;
    },
  };
}

export async function recordsOf(folder: string): Promise<readonly JournalRecord[]> {
  return (await new JournalReader(join(folder, 'journal.ndjson')).advance()).records;
}

export function outputOf(folder: string): Buffer {
  return readFileSync(join(folder, 'out', 'model.gguf'));
}
