// A file that changes behind an open model: every call that reads it says so, and a re-opened model is right again.

import {
  appendFileSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ENGINE_CALLS } from '../../../core/protocol/calls.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { writeLlamaFolder } from '../export/exportFixtures.ts';
import { type Engine, outcomeOf, planOf, startEngine } from './program.ts';

const folder = temporaryFolder();

const CHANGES: readonly (readonly [string, (file: string) => void])[] = [
  ['appended to', (file) => appendFileSync(file, 'more')],
  [
    'rewritten with the same size',
    (file) => {
      writeFileSync(file, readFileSync(file));
      utimesSync(file, new Date(), new Date(Date.now() + 5000));
    },
  ],
  [
    'replaced by renaming',
    (file) => {
      writeFileSync(`${file}.new`, new Uint8Array(readFileSync(file).length));
      utimesSync(`${file}.new`, new Date(), new Date(Date.now() + 5000));
      renameSync(`${file}.new`, file);
    },
  ],
  ['cut short', (file) => truncateSync(file, 3000)],
  ['deleted', (file) => rmSync(file)],
];

async function readingCalls({ connection }: Engine, model: number, plan: unknown, output: string) {
  const window = { tensor: 3, rows: [0, 8], columns: [0, 8], width: 8, height: 8 };
  return {
    statistics: await outcomeOf(connection.sendRequest('statistics', { model })),
    profile: await outcomeOf(connection.sendRequest('profile', { model, tensor: 3 })),
    tile: await outcomeOf(connection.sendRequest('tile', { model, ...window })),
    channel: await outcomeOf(connection.sendRequest('channel', { model, tensor: 3, axis: 'row', index: 0 })),
    sensitivity: await outcomeOf(connection.sendRequest('sensitivity', { model })),
    export: await outcomeOf(
      connection.sendRequest('export', { model, plan, format: 'gguf', output, overwrite: false }),
    ),
  };
}

describe('a file changed while open', () => {
  it.each(CHANGES)('%s: every call that reads says FILE_CHANGED', async (what, change) => {
    await using engine = startEngine();
    const { connection } = engine;
    const source = writeLlamaFolder(folder, what);
    const file = join(source, 'model.safetensors');
    const { model } = ENGINE_CALLS.open.result.parse(await connection.sendRequest('open', { path: source }));
    const plan = await planOf(engine, model, ['Q8_0']);
    const output = join(source, 'out.gguf');
    change(file);
    const changed = { code: 'FILE_CHANGED', message: expect.stringMatching(/^model\.safetensors: .*changed since/) };
    const before = await readingCalls(engine, model, plan, output);
    for (const [call, outcome] of Object.entries(before)) expect({ call, outcome }).toEqual({ call, outcome: changed });
    expect(readdirSync(source).filter((name) => name.includes('out'))).toEqual([]);
  });

  it('opened again, the new content is what is measured', async () => {
    await using engine = startEngine();
    const { connection } = engine;
    const source = writeLlamaFolder(folder, 'again');
    const file = join(source, 'model.safetensors');
    const maximum = async () => {
      const { model } = ENGINE_CALLS.open.result.parse(await connection.sendRequest('open', { path: source }));
      const window = { tensor: 3, rows: [0, 8], columns: [0, 8], width: 8, height: 8 };
      const tile = ENGINE_CALLS.tile.result.parse(await connection.sendRequest('tile', { model, ...window }));
      return tile.values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    };
    expect(await maximum()).toBeGreaterThan(0);
    const bytes = readFileSync(file);
    bytes.fill(0, 8 + Number(bytes.readBigUInt64LE(0)));
    writeFileSync(`${file}.new`, bytes);
    utimesSync(`${file}.new`, new Date(), new Date(Date.now() + 5000));
    renameSync(`${file}.new`, file);
    expect(await maximum()).toBe(0);
  });
});
