// A disk that is too small, and one that fills while a job writes.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { onTinyDisk } from '../../fixtures/fullDisk.ts';
import type { Counts, Scenario } from '../scenario.ts';

const DISK_BYTES = 8 * 1024 * 1024;

export const fullDisk: Scenario = {
  name: 'disk full',
  async run(rig, counts) {
    const folder = join(rig.folder, 'disk');
    mkdirSync(folder);
    const { env: _, expected: __, ...rest } = rig;
    process.env.QUANTSCOPE_FAULT_RIG = JSON.stringify(rest);
    const printed = onTinyDisk(folder, DISK_BYTES, join(import.meta.dirname, '..', 'tinyDiskJob.ts'));
    if (printed === null) return { skipped: 'no small disk can be mounted here' };
    const { counts: found, fact } = JSON.parse(printed) as { counts: Counts; fact: string };
    for (const key of Object.keys(found) as (keyof Counts)[]) counts[key] += found[key];
    return fact;
  },
};
