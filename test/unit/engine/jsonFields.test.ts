// `--json` as docs/cli.md describes it: the fields documented are the fields present, for every command.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { writeLlamaFolder } from '../export/exportFixtures.ts';
import { quantscope } from './program.ts';

const folder = temporaryFolder();
const model = writeLlamaFolder(folder, 'model');
const plan = join(folder, 'a.quantplan.json');
const output = join(folder, 'a.gguf');
const text = readFileSync(new URL('../../../docs/cli.md', import.meta.url), 'utf8');

type Fields = Readonly<Record<string, readonly string[]>>;

/** Rows "| `command` | `a b`, `tensors: [{c d: [{e}]}]` |" of the table of fields, as level → names. */
function documented(command: string): Fields {
  const table = text.slice(text.indexOf('| command | fields |'));
  const row = table.split('\n').find((line) => line.startsWith(`| \`${command}\` |`)) ?? '';
  const levels: Record<string, string[]> = {};
  const path = ['top'];
  // What more an option gives stands behind "; with `--option`" and is not there without it.
  const [always = ''] = (row.split('|')[2] ?? '').split('; with `--');
  const cell = [...always.matchAll(/`([^`]*)`/g)]
    .map(([, code = '']) => code)
    .filter((code) => !code.startsWith('--') && code !== 'verify');
  let last = '';
  for (const [token] of cell.join(' ').matchAll(/\w+|[{}]/g)) {
    if (token === '{') path.push(last);
    else if (token === '}') path.pop();
    else {
      last = token;
      const level = path.at(-1) ?? 'top';
      levels[level] = [...(levels[level] ?? []), token];
    }
  }
  return levels;
}

/** The same of an answer: an array stands for its first object. */
function present(value: object, level = 'top', levels: Record<string, string[]> = {}, known: Fields = {}): Fields {
  levels[level] = Object.keys(value);
  for (const [key, child] of Object.entries(value)) {
    const inner: unknown = Array.isArray(child) ? child[0] : child;
    if (known[key] !== undefined && typeof inner === 'object' && inner !== null) present(inner, key, levels, known);
  }
  return levels;
}

const everywhere = ['path', 'fingerprint'];

it.each([
  ['inspect', [model]],
  ['stats', [model]],
  ['sensitivity', [model]],
  ['plan', [model, '--target-bpw', '30', '-o', plan]],
  ['export', [model, '--plan', plan, '--format', 'gguf', '-o', output]],
  ['verify', [model, output]],
] as const)('%s', async (command, args) => {
  const { code, stdout } = await quantscope([command, ...args, '--json']);
  expect(code).toBe(0);
  const written = documented(command);
  expect(Object.values(written).flat().length).toBeGreaterThan(5);
  const found = present(JSON.parse(stdout), 'top', {}, written);
  for (const [level, names] of Object.entries(written)) {
    const optional = level === 'top' ? everywhere : [];
    const without = (list: readonly string[] = []) => list.filter((name) => !optional.includes(name)).sort();
    expect({ level, fields: without(found[level]) }).toEqual({ level, fields: without(names) });
  }
});

it('a failure is one object with code and message', async () => {
  const { stdout } = await quantscope(['verify', model, join(folder, 'none.gguf'), '--json']);
  expect(Object.keys(JSON.parse(stdout))).toEqual(['error']);
  expect(Object.keys(JSON.parse(stdout).error).sort()).toEqual(['code', 'message']);
});

it.each([['inspect'], ['stats']])('%s into a pipe that closes early ends quietly', async (command) => {
  const { stderr, code } = await quantscope([command, model, '--json'], (child) => {
    child.stdout?.destroy();
  });
  expect(stderr).not.toMatch(/EPIPE|\n\s+at /);
  expect(code).toBe(0);
});
