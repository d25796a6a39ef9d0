// Every value of NumPy's own files as NumPy reads them: all dtypes and orders, stored and compressed, beyond 4 GB.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { sharedData } from '../../fixtures/sharedData.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { compareWithReference, reportsOf, reportsOfReference } from './compare.ts';
import { referencePython } from './python.ts';

const found = referencePython(['numpy', 'ml_dtypes']);
const python = 'python' in found ? found.python : '';
const folder = temporaryFolder();
const REPORT = 'numpyReport.py';

describe.runIf(python !== '')('numpy', () => {
  beforeAll(() => {
    const script = fileURLToPath(new URL('numpyFixtures.py', import.meta.url));
    const { status, stderr } = spawnSync(python, [script, folder], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`numpyFixtures.py failed: ${stderr}`);
  });

  it.each(['stored.npz', 'deflated.npz'])('%s', async (file) => {
    expect(await compareWithReference(python, join(folder, file), REPORT)).toBe(55);
    const { warnings, tensors } = await openCheckpoint(join(folder, file));
    expect(tensors.map(({ dtype }) => dtype)).toContain('C64');
    const left = warnings.filter((warning) => warning.includes('left out'));
    expect(left.map((warning) => /"(\w+)"/.exec(warning)?.[1])).toEqual(['object', 'text', 'record']);
  });

  it.each(['version1.npy', 'version2.npy', 'version3.npy', 'scalar.npy'])('%s', async (file) => {
    expect(await compareWithReference(python, join(folder, file), REPORT)).toBe(1);
  });

  it('arrays beyond 4 GB', async () => {
    const path = join(folder, 'beyond4GB.npz');
    const checkpoint = await openCheckpoint(path);
    const [large, after] = checkpoint.tensors;
    expect(large).toMatchObject({ name: 'large', dtype: 'U8', shape: [4300, 1_000_000], bytes: 4.3e9 });
    expect(after?.offset).toBeGreaterThan(2 ** 32);
    // The large one is a hole in the file.
    const small = { ...checkpoint, tensors: checkpoint.tensors.slice(1).map((tensor) => ({ ...tensor, index: 0 })) };
    const [theirs] = reportsOfReference(python, REPORT, [path]);
    const [ours] = await reportsOf(small);
    expect({ ...ours, sum: 0 }).toEqual({ ...theirs, sum: 0 });
  });

  const real = [sharedData('models/g2p-en-npz/g2p_en/checkpoint20.npz')].filter((path) => path !== null);
  it.each(real)('%s', async (path) => {
    expect(await compareWithReference(python, path, REPORT)).toBe(12);
  });
});
