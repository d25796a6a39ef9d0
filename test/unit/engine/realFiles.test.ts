// Every real model file there is: opens (or is refused) as the table says, and every tensor's statistics agree with what
// the format's own Python reader and NumPy make of it (test/interop/readers/expectedFigures.py).

import { existsSync, readdirSync } from 'node:fs';
import { basename, extname, join, relative } from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { isQuantscopeError } from '../../../core/base/errors.ts';
import { runCommandLine } from '../../../core/engine/commandLine.ts';
import { HANDLERS } from '../../../core/engine/handlers.ts';
import { Session } from '../../../core/engine/session.ts';
import type { TensorStatistics } from '../../../core/stats/statisticsTypes.ts';
import figures from '../../fixtures/golden/realFigures.json' with { type: 'json' };
import { sharedData } from '../../fixtures/sharedData.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { type Opens, type Outcome, REAL_FILES } from './realFilesTable.ts';

/** Elements, mean, standard deviation, largest magnitude, excess kurtosis; null where there is none. */
type Figures = readonly [elements: number, ...(number | null)[]];

const EXPECTED: Readonly<Record<string, Readonly<Record<string, readonly (number | null)[]>>>> = figures;
/** Files that are no models, whatever their names end in. */
const NOT_MODELS = new Set(['', '.txt', '.json', '.md', '.utf8', '.jl', '.lock', '.python-version', '.min.json']);
/** In the archive beside the module's parameters: torch's own state_dict() leaves them out. */
const UNCOMPARED: Readonly<Record<string, readonly string[]>> = {
  'models/silero-vad/src/silero_vad/data/silero_vad.jit': ['_state', '_context', 'constants.0'],
};

const root = sharedData('models') === null ? null : (sharedData('.') ?? null);
const table = Object.entries(REAL_FILES).flatMap(([folder, files]) =>
  Object.entries(files).map(([name, outcome]) => ({ path: join(folder, name), outcome })),
);

describe.runIf(root !== null)('real files', () => {
  vi.stubEnv('QUANTSCOPE_CACHE', temporaryFolder());
  const rows = new Map<number, TensorStatistics>();
  const session = new Session((event, payload) => {
    if (event !== 'statistics' || !('rows' in payload)) return;
    for (const row of payload.rows) if ('statistics' in row) rows.set(row.tensor, row.statistics);
  });
  const { signal } = new AbortController();
  afterAll(() => session[Symbol.asyncDispose]());

  test('the table names every model file, and no other', () => {
    const found = readdirSync(root ?? '', { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !NOT_MODELS.has(extname(entry.name)))
      .map((entry) => relative(root ?? '', join(entry.parentPath, entry.name)))
      .filter((path) => !/LICENSE/.test(basename(path)));
    const named = new Set(table.map(({ path }) => path));
    expect(found.filter((path) => !named.has(path))).toEqual([]);
    expect([...named].filter((path) => !existsSync(join(root ?? '', path)))).toEqual([]);
  });

  test.each(table)('$path', async ({ path, outcome }) => {
    const opened = await open(join(root ?? '', path));
    if ('code' in outcome || 'code' in opened) {
      expect(opened).toMatchObject({ code: 'code' in outcome ? outcome.code : 'none: it opens' });
      return;
    }
    const { model, ...facts } = opened;
    expect(facts).toEqual(outcome);
    const { checkpoint } = session.model(model);
    rows.clear();
    await HANDLERS.statistics(session, { model }, signal);
    const expected = EXPECTED[sameFile(path)];
    if (expected === undefined) throw new Error(`no figures of ${path}: run expectedFigures.py`);
    const uncompared = UNCOMPARED[path] ?? [];
    const names = checkpoint.tensors.map(({ name }) => name).filter((name) => !uncompared.includes(name));
    expect(names.sort()).toEqual(Object.keys(expected).sort());
    for (const { name, index } of checkpoint.tensors) {
      const reference = expected[name];
      if (reference !== undefined) expectClose(`${path}: ${name}`, rows.get(index), reference as Figures);
    }
    HANDLERS.close(session, { model }, signal);
  });

  test('the command line inspects every one of them', async () => {
    const written: string[] = [];
    const silenced = [
      vi.spyOn(process.stdout, 'write').mockImplementation((text) => written.push(String(text)) > 0),
      vi.spyOn(process.stderr, 'write').mockImplementation(() => true),
    ];
    const wrong: string[] = [];
    for (const { path, outcome } of table) {
      written.length = 0;
      const code = await runCommandLine(['inspect', join(root ?? '', path), '--json']);
      const said = JSON.parse(written.join('')) as { error?: { code: string }; tensors?: unknown[] };
      if (!agrees(outcome, code, said)) wrong.push(`${path}: exit code ${code}, ${JSON.stringify(said).slice(0, 200)}`);
    }
    for (const spy of silenced) spy.mockRestore();
    expect(wrong).toEqual([]);
  });

  async function open(path: string): Promise<(Opens & { model: number }) | { code: string; message: string }> {
    try {
      const { model, format, tensorCount, parameters } = await HANDLERS.open(session, { path }, signal);
      return { model, format, tensors: tensorCount, parameters };
    } catch (error) {
      if (isQuantscopeError(error)) return { code: error.code, message: error.message };
      throw error;
    }
  }
});

function agrees(outcome: Outcome, code: number, said: { error?: { code: string }; tensors?: unknown[] }): boolean {
  if ('code' in outcome) return code !== 0 && said.error?.code === outcome.code;
  return code === 0 && said.tensors?.length === outcome.tensors;
}

/** All protocols of a pickle hold the same tensor; torch.load's safe mode reads two of them. */
function sameFile(path: string): string {
  return path.replace(/_proto\d/, '_proto2');
}

/** Kernels sum runs of float32 before they go to float64; the largest magnitude is one of the values. */
function expectClose(what: string, found: TensorStatistics | undefined, reference: Figures): void {
  if (found === undefined) throw new Error(`${what}: no statistics`);
  const [elements, mean, std, absMax, kurtosis] = reference;
  expect(found.count, what).toBe(elements);
  const far = (value: number, wanted: number | null | undefined, scale: number, tolerance: number): boolean =>
    typeof wanted === 'number' && !(Math.abs(value - wanted) <= tolerance * Math.max(Math.abs(wanted), scale));
  const wrong = [
    far(found.mean, mean, std ?? 0, 1e-6),
    far(found.std, std, 0, 2e-6),
    far(found.absMax, absMax, 0, 1e-8),
    far(found.kurtosis, kurtosis, 1, 2e-5),
  ];
  if (wrong.includes(true)) expect(found, what).toMatchObject({ mean, std, absMax, kurtosis });
}
