// House rules a reader relies on: small files with a purpose line, no `any`, nothing unfinished, the agreed top level.

import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ROOT, sourceFiles } from './sourceFiles.ts';

const MAX_LINES = 400;
/** Data, not code: format constants and name tables may be as long as the format. */
const TABLES = /(\/tables?\/|Tables?\.ts$|Grids?\.ts$|\/protocol\/)/;
const TOP_LEVEL = ['core', 'docs', 'extension', 'media', 'package.json', 'scripts', 'test', 'webview'];
const TEXT_FILES =
  /^(README|CHANGELOG|CONTRIBUTING|LICENSE|SECURITY)(\.md)?$|^tsconfig.*\.json$|^biome\.json$|^package-lock\.json$|^package\.nls\.json$/;

const product = sourceFiles('core', 'extension', 'webview', 'scripts');

describe('files', () => {
  it(`have at most ${MAX_LINES} lines`, () => {
    const long = product
      .filter((f) => !TABLES.test(f.path))
      .map((f) => ({ path: f.path, lines: f.text.split('\n').length }));
    expect(long.filter((f) => f.lines > MAX_LINES)).toEqual([]);
  });

  it('begin by saying what they are for', () => {
    const silent = product.filter((f) => !/^(#!.*\n)?(\/\/|\/\*\*?)\s*\S/.test(f.text));
    expect(silent.map((f) => f.path)).toEqual([]);
  });

  it('contain no any', () => {
    const anys = product
      .filter((f) => !f.path.includes('/assembly/'))
      .filter((f) => /(:\s*any\s*[;,)=\]|&>{]|\bas any\b|<any\b|\bany\[\]|@ts-ignore|@ts-nocheck)/.test(f.text));
    expect(anys.map((f) => f.path)).toEqual([]);
  });

  it('leave nothing unfinished', () => {
    const unfinished = product.filter((f) => /\b(TODO|FIXME|XXX|not implemented)\b/.test(f.text));
    expect(unfinished.map((f) => f.path)).toEqual([]);
  });

  it('tests are not skipped or focused', () => {
    const marked = sourceFiles('test').filter((f) => /\b(it|test|describe)\.(skip|todo|only)\(/.test(f.text));
    expect(marked.map((f) => f.path)).toEqual([]);
  });

  it('the top level is the agreed one', () => {
    const tracked = existsSync(`${ROOT}.git`)
      ? [
          ...new Set(
            execFileSync('git', ['ls-files'], { cwd: ROOT, encoding: 'utf8' })
              .trim()
              .split('\n')
              .map((p) => p.split('/')[0] ?? ''),
          ),
        ]
      : readdirSync(ROOT).filter((name) => !['node_modules', 'dist', 'out'].includes(name));
    const unexpected = tracked.filter(
      (name) => !name.startsWith('.') && !TOP_LEVEL.includes(name) && !TEXT_FILES.test(name),
    );
    expect(unexpected).toEqual([]);
    for (const name of ['core', 'extension', 'webview', 'media', 'test', 'package.json'])
      expect(existsSync(ROOT + name), name).toBe(true);
  });

  it('the lock files name no registry', () => {
    const locks = execFileSync('git', ['ls-files', '*package-lock.json'], { cwd: ROOT, encoding: 'utf8' })
      .trim()
      .split('\n');
    expect(locks.length).toBeGreaterThan(0);
    for (const lock of locks) expect(readFileSync(ROOT + lock, 'utf8'), lock).not.toMatch(/"resolved": *"http/);
  });
});
