// A short run of the fuzzer with a fixed seed; `npm run fuzz` is the long one.

import { isDeepStrictEqual } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { FORMAT_READERS } from '../../core/checkpoint/registry.ts';
import { temporaryFolder } from '../fixtures/temporaryFolder.ts';
import { createRig, type Finding } from '../fuzz/rig.ts';
import { SUBJECTS } from '../fuzz/seeds.ts';

const EXECUTIONS = 600;
/** A second on an idle machine. */
const TIMEOUT_MS = 120_000;
const SEED = 3;

describe('spoiled files', () => {
  const folder = temporaryFolder();
  const closing: (() => void)[] = [];
  afterAll(() => {
    for (const close of closing) close();
  });

  test('every reader is fuzzed', () => {
    const fuzzed = SUBJECTS.map(({ name }) => name);
    expect(FORMAT_READERS.map(({ format }) => format).filter((format) => !fuzzed.includes(format))).toEqual([]);
  });

  test.each(SUBJECTS)('$name: seed and number tell an execution', async (subject) => {
    const [one, other, different] = await Promise.all([
      createRig(subject, SEED, folder),
      createRig(subject, SEED, folder),
      createRig(subject, SEED + 1, folder),
    ]);
    closing.push(one.close, other.close, different.close);
    let changed = 0;
    for (let execution = 0; execution < 20; execution++) {
      expect(one.inputOf(execution)).toEqual(other.inputOf(execution));
      changed += Number(!isDeepStrictEqual(one.inputOf(execution), different.inputOf(execution)));
    }
    expect(changed).toBeGreaterThan(10);
  });

  test.each(SUBJECTS)(
    '$name: valid seeds open, spoiled ones open or are refused with a code',
    async (subject) => {
      const rig = await createRig(subject, SEED, folder);
      closing.push(rig.close);
      expect(await rig.unreadable()).toEqual([]);
      const findings: Finding[] = [];
      let opened = 0;
      for (let execution = 0; execution < EXECUTIONS; execution++) {
        const outcome = await rig.run(execution);
        findings.push(...outcome.findings);
        opened += Number(outcome.opened);
      }
      // The machine may be busy with other tests: what one execution took of it is judged by the long run.
      expect(findings.filter(({ kind }) => kind !== 'hang' && kind !== 'memory')).toEqual([]);
      expect(opened).toBeGreaterThan(EXECUTIONS / 50);
      expect(opened).toBeLessThan(EXECUTIONS);
    },
    TIMEOUT_MS,
  );
});
