// `npm run fuzz`: spoils valid and malformed files of every reader, many thousand times, and counts what should not be.

import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { table } from '../../core/engine/commands/text.ts';
import { buildIfStale } from '../../scripts/buildIfStale.ts';
import { type CampaignResult, campaign } from './campaign.ts';
import { type FuzzOptions, fuzzOptions, USAGE } from './options.ts';
import { createRig, FINDING_KINDS, type Finding, writeAll } from './rig.ts';
import { SUBJECTS, type Subject } from './seeds.ts';

/** Examples kept of each different finding. */
const KEPT_EXAMPLES = 3;
/** Memory, where the platform has files in it: an execution is a small file written and read. */
const FAST_FOLDER = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

process.exitCode = await main();

async function main(): Promise<number> {
  let options: FuzzOptions;
  try {
    options = fuzzOptions(process.argv.slice(2), availableParallelism());
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
    return 2;
  }
  const unknown = options.readers.filter((name) => !SUBJECTS.some((subject) => subject.name === name));
  const known = SUBJECTS.map(({ name }) => name).join(', ');
  if (unknown.length > 0) {
    console.error(`no reader is called ${unknown.join(', ')}; there are ${known}`);
    return 2;
  }
  const subjects = SUBJECTS.filter(({ name }) => options.readers.length === 0 || options.readers.includes(name));
  buildIfStale(['kernels']);
  const folder = mkdtempSync(join(FAST_FOLDER, 'quantscope-fuzz-'));
  const clean = (): void => rmSync(folder, { recursive: true, force: true });
  process.once('exit', clean);
  process.once('SIGINT', () => process.exit(130));
  return options.only === null ? runAll(subjects, options, folder) : runOne(subjects, options, options.only, folder);
}

async function runAll(subjects: readonly Subject[], options: FuzzOptions, folder: string): Promise<number> {
  const results: CampaignResult[] = [];
  for (const subject of subjects) {
    process.stderr.write(`${subject.name}…\n`);
    const result = await campaign(subject.name, options, folder);
    results.push(result);
    if (result.findings.length > 0) await tell(subject, result.findings, options, folder);
  }
  const counts = ({ findings }: CampaignResult) =>
    FINDING_KINDS.map((kind) => String(findings.filter((finding) => finding.kind === kind).length));
  const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(0);
  console.log(
    table(
      ['reader', 'executions', 'per s', 'opened', 'decoded', ...FINDING_KINDS, 'slowest ms', 'growth MB', 'peak MB'],
      results.map((result) => [
        result.subject,
        String(result.executions),
        (result.executions / result.seconds).toFixed(0),
        String(result.opened),
        String(result.decoded),
        ...counts(result),
        result.slowestMs.toFixed(0),
        megabytes(result.growthBytes),
        megabytes(result.peakBytes),
      ]),
    ),
  );
  console.log(`\nseed ${options.seed}; growth: memory held at the end beyond the first thousand executions'`);
  return results.some((result) => result.findings.length > 0) ? 1 : 0;
}

/** Prints each different finding once and keeps the files of a few examples. */
async function tell(
  subject: Subject,
  findings: readonly Finding[],
  options: FuzzOptions,
  folder: string,
): Promise<void> {
  const kept = join(tmpdir(), 'quantscope-fuzz-findings', `${subject.name}-seed${options.seed}`);
  const rig = await createRig(subject, options.seed, folder);
  const different = Map.groupBy(findings, ({ kind, detail }) => `${kind}: ${detail.replace(/\d+/g, '#')}`);
  for (const same of different.values()) {
    const [first] = same;
    if (first === undefined) continue;
    console.log(`\n${subject.name}: ${first.kind}, ${same.length} times\n  ${first.detail.replaceAll('\n', '\n  ')}`);
    for (const { execution } of same.slice(0, KEPT_EXAMPLES)) {
      if (execution >= options.executions) continue;
      const path = join(kept, String(execution));
      mkdirSync(path, { recursive: true });
      const { seed, files } = rig.inputOf(execution);
      writeAll(path, files);
      const again = `--reader ${subject.name} --seed ${options.seed} --only ${execution}`;
      console.log(`  ${join(path, seed.open)}   again: npm run fuzz -- ${again}`);
    }
  }
  rig.close();
}

async function runOne(subjects: readonly Subject[], options: FuzzOptions, only: number, folder: string) {
  let found = 0;
  for (const subject of subjects) {
    const rig = await createRig(subject, options.seed, folder);
    const { findings, ...outcome } = await rig.run(only, true);
    console.log(subject.name, outcome);
    for (const { kind, detail } of findings) console.log(`${kind}: ${detail}`);
    found += findings.length;
    rig.close();
  }
  return found === 0 ? 0 : 1;
}
