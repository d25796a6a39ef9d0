// `npm run test:faults [-- [--seed N] PART OF A NAME…]`: faults put to jobs, what became of them, and whether anything
// was lost.

import { parseArgs } from 'node:util';

import { table } from '../../core/engine/commands/text.ts';
import { buildIfStale } from '../../scripts/buildIfStale.ts';
import { dice, hashText } from '../fuzz/dice.ts';
import { prepareRig } from './rig.ts';
import type { Counts, Scenario } from './scenario.ts';
import { cutJournal, editedJob, flippedJournal, flippedOutput, missingLastRecord } from './scenarios/damage.ts';
import { fullDisk } from './scenarios/disk.ts';
import { killedEngine } from './scenarios/engineKills.ts';
import { changedInput, deniedPermission, takenOutput } from './scenarios/inputs.ts';
import { killedRunner } from './scenarios/kills.ts';
import { cancelled, hostileNames, jumpingClock, secondRunner } from './scenarios/runners.ts';
import { killedShard } from './scenarios/shards.ts';

const SCENARIOS: readonly Scenario[] = [
  killedRunner,
  killedEngine,
  killedShard,
  cutJournal,
  flippedJournal,
  flippedOutput,
  missingLastRecord,
  editedJob,
  changedInput,
  takenOutput,
  fullDisk,
  deniedPermission,
  secondRunner,
  jumpingClock,
  cancelled,
  hostileNames,
];

buildIfStale(['kernels', 'host']);
const { values, positionals: wanted } = parseArgs({
  options: { seed: { type: 'string', default: '1' } },
  allowPositionals: true,
});
const seed = Number(values.seed);
const chosen = SCENARIOS.filter(({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)));
const total: Counts = { injected: 0, resumes: 0, identical: 0, losses: 0 };
const rows: string[][] = [];
let [passed, failed] = [0, 0];
const rig = await prepareRig();
try {
  for (const { name, run } of chosen) {
    const counts: Counts = { injected: 0, resumes: 0, identical: 0, losses: 0 };
    const began = performance.now();
    let outcome: string;
    try {
      const fact = await run(rig, counts, dice(seed, hashText(name)));
      outcome = typeof fact === 'string' ? fact : `skipped: ${fact.skipped}`;
      passed += 1;
    } catch (error) {
      outcome = `FAILED: ${error instanceof Error ? error.message : error}`;
      failed += 1;
    }
    for (const key of Object.keys(total) as (keyof Counts)[]) total[key] += counts[key];
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    const figures = [counts.injected, counts.resumes, counts.identical, counts.losses].map(String);
    rows.push([name, ...figures, seconds, outcome]);
    console.log(`${name}: ${outcome} (${seconds} s)`);
  }
} finally {
  rig.dispose();
}
console.log(`\n${table(['fault', 'injected', 'resumes', 'identical', 'losses', 's', 'outcome'], rows)}`);
console.log(
  `seed ${seed}: ${total.injected} faults injected, ${total.resumes} resumes, ${total.identical} byte-identical outputs, ${total.losses} losses`,
);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && total.losses === 0 ? 0 : 1;
