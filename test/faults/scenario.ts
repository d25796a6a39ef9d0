// One kind of fault: what it does to a job, and what it counts.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Dice } from '../fuzz/dice.ts';
import { readRecords } from './journal.ts';
import type { Rig } from './rig.ts';

export interface Counts {
  injected: number;
  resumes: number;
  identical: number;
  /** Outputs that differ, units done twice, records lost: none is allowed. */
  losses: number;
}

export interface Scenario {
  readonly name: string;
  /** @returns a fact for the report, or a reason to skip. @throws Error when the product did not stand the fault */
  run(rig: Rig, counts: Counts, dice: Dice): Promise<string | { skipped: string }>;
}

/** @throws Error unless it holds */
export function expect(holds: boolean, fact: string): void {
  if (!holds) throw new Error(fact);
}

/** Compares a finished job's output with the direct export. */
export function compareOutput({ expected }: Rig, counts: Counts, folder: string): void {
  const same = Buffer.compare(readFileSync(join(folder, 'out', 'model.gguf')), expected) === 0;
  if (same) counts.identical += 1;
  else counts.losses += 1;
  expect(same, `${folder}: the output differs from the direct export`);
  const beside = readdirSync(join(folder, 'out'));
  expect(beside.length === 1, `${folder}: out/ holds ${beside}`);
}

/** Of a job or a shard: every unit is journaled once, and every attempt found all that was. @returns attempts */
export function checkJournal(folder: string, counts: Counts): number {
  const units = new Set<number>();
  let [attempts, twice, forgotten] = [0, 0, 0];
  for (const { record } of readRecords(folder)) {
    if (record.type === 'started') attempts += 1;
    if (record.type === 'prepared') forgotten += units.size - record.kept;
    if (record.type !== 'unit') continue;
    if (units.has(record.unit)) twice += 1;
    units.add(record.unit);
  }
  counts.losses += twice + forgotten;
  expect(twice === 0 && forgotten === 0, `${folder}: ${twice} units done twice, ${forgotten} forgotten`);
  return attempts;
}
