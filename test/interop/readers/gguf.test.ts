// Every value of GGUF files as the `gguf` package reads and dequantizes it: each type it knows, and a trained model.

import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { DTYPE_NAMES, type DType, dtypeInfo, isDType } from '../../../core/tensor/dtype.ts';
import { randomBlocks } from '../../fixtures/randomBlocks.ts';
import { sharedData } from '../../fixtures/sharedData.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { writeGguf } from '../../fixtures/writeGguf.ts';
import type { FixtureTensor } from '../../fixtures/writeSafetensors.ts';
import { compareWithReference } from './compare.ts';
import { referencePython } from './python.ts';

const found = referencePython(['numpy', 'gguf']);
const python = 'python' in found ? found.python : '';
const folder = temporaryFolder();

/** Stored by GGUF; the package reads them as they are. */
const PLAIN: readonly DType[] = ['F64', 'F32', 'F16', 'I64', 'I32', 'I16', 'I8'];
/** Both of ggml's block sizes for intermediate results, never written to files, and what the package cannot decode. */
const NOT_IN_PACKAGE: readonly DType[] = ['Q8_1', 'Q8_K', 'Q1_0', 'Q2_0'];
const ROWS = 64;
const COLUMNS = 1024;

describe.runIf(python !== '')('gguf', () => {
  const script = fileURLToPath(new URL('ggufTypes.py', import.meta.url));
  const known = python === '' ? [] : execFileSync(python, [script], { encoding: 'utf8' }).trim().split('\n');
  const types = [...PLAIN, ...known.filter(isDType)];

  it('the package knows every type of ours but the listed ones, and we every type of its', () => {
    expect(known.filter((name) => !isDType(name))).toEqual([]);
    const ours = DTYPE_NAMES.filter((name) => dtypeInfo(name).ggml !== undefined);
    expect(ours.filter((name) => !types.includes(name) && !NOT_IN_PACKAGE.includes(name))).toEqual([]);
  });

  it.each(types)('%s, any bits', async (dtype) => {
    const { blockElements } = dtypeInfo(dtype);
    const data = randomBlocks(dtype, (ROWS * COLUMNS) / blockElements, 11);
    const tensor: FixtureTensor = { name: 'blk.0.ffn_up.weight', dtype, shape: [ROWS, COLUMNS], data };
    const path = join(folder, `${dtype}.gguf`);
    writeGguf(path, [tensor], { 'general.architecture': 'llama' });
    expect(await compareWithReference(python, path, 'ggufReport.py')).toBe(1);
  });

  it.each(PLAIN)('%s, big-endian', async (dtype) => {
    const data = randomBlocks(dtype, ROWS * COLUMNS, 13);
    const path = join(folder, `${dtype}.big.gguf`);
    writeGguf(path, [{ name: 'output.weight', dtype, shape: [ROWS, COLUMNS], data }], {}, { bigEndian: true });
    expect(await compareWithReference(python, path, 'ggufReport.py')).toBe(1);
  });

  const quantized = sharedData('models/gguf-stories260K-quantized');
  const original = sharedData('models/stories260K-gguf/testdata/stories260K.gguf');
  const names = quantized === null ? [] : readdirSync(quantized).filter((name) => name.endsWith('.gguf'));
  const real = [...names.map((name) => join(quantized ?? '', name)), ...(original === null ? [] : [original])];
  it.each(real)('%s', async (path) => {
    expect(await compareWithReference(python, path, 'ggufReport.py')).toBe(48);
  });
});
