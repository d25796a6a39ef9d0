// Broken models through the real program: one coded sentence that names the file, in bounded time, nothing left behind.

import { chmodSync, readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { writeSafetensors } from '../../fixtures/writeSafetensors.ts';
import { writeAttacks } from '../../malformed/attack.ts';
import { ATTACKS } from '../../malformed/generate.ts';
import { outcomeOf, quantscope, startEngine } from './program.ts';

const MAX_MS = 2000;
const folder = temporaryFolder();
const written = writeAttacks(ATTACKS, folder);

/** One per kind of bad input; the engine answers every other attack below. */
const BY_COMMAND_LINE = [
  'st-data-cut',
  'st-overlap',
  'gguf-overrun',
  'gguf-tensors-2^64-1',
  'gguf-name-twice',
  'st-dtype-unknown',
  'st-empty',
  'link-loop',
  'named-pipe',
  'index-shard-missing',
  'split-part-missing',
];

describe('broken models', () => {
  it('the engine refuses each with its code and one sentence, and lives on', async () => {
    await using engine = startEngine();
    for (const { attack, path } of written) {
      const began = performance.now();
      const outcome = await outcomeOf(engine.connection.sendRequest('open', { path }));
      expect({ attack: attack.name, outcome }).toEqual({
        attack: attack.name,
        outcome: { code: attack.code, message: expect.stringMatching(/^[^\n]{10,1500}$/u) },
      });
      expect(performance.now() - began).toBeLessThan(MAX_MS);
    }
  });

  it.each(written.filter(({ attack }) => BY_COMMAND_LINE.includes(attack.name)))(
    'the command line: $attack.name',
    async ({ attack, path }) => {
      const before = readdirSync(dirname(path));
      const { code, stdout, stderr } = await quantscope(['inspect', path, '--json']);
      expect(JSON.parse(stdout)).toEqual({ error: { code: attack.code, message: expect.stringMatching(/^[^\n]+$/) } });
      expect(code).toBe(1);
      expect(stderr).toBe('');
      expect(readdirSync(dirname(path))).toEqual(before);
    },
  );

  it('the command line was shown every chosen attack', () => {
    expect(BY_COMMAND_LINE.filter((name) => !ATTACKS.some((attack) => attack.name === name))).toEqual([]);
  });

  it('a file without read permission', async () => {
    if (process.getuid?.() === 0 || process.platform === 'win32') {
      console.warn('skipped: permissions do not bind this user');
      return;
    }
    const path = `${folder}/secret.safetensors`;
    writeSafetensors(path, [{ name: 'a', dtype: 'F32', shape: [2, 2], data: new Float32Array(4) }]);
    chmodSync(path, 0);
    const { code, stdout } = await quantscope(['inspect', path, '--json']);
    expect(JSON.parse(stdout).error).toEqual({
      code: 'FILE_UNREADABLE',
      message: expect.stringMatching(/secret\.safetensors: permission denied/),
    });
    expect(code).toBe(1);
  });
});
