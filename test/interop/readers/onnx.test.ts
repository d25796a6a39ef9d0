// Every weight of ONNX models as the `onnx` package reads it, quantized ones as their operators compute them.

import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { sharedData } from '../../fixtures/sharedData.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { compareWithReference } from './compare.ts';
import { referencePython } from './python.ts';

const found = referencePython(['numpy', 'onnx', 'onnxruntime', 'onnx-ir', 'sympy']);
const python = 'python' in found ? found.python : '';
const folder = temporaryFolder();

const REAL = [
  'abuse/gguf-weight-inspect/tests/fixtures/mnist.onnx',
  'models/magika-onnx/assets/models/fast_v2_1/model.onnx',
  'models/magika-onnx/assets/models/standard_v3_3/model.onnx',
  'models/onnx-external-data/rten-onnx/test-data/mnist-external/mnist.onnx',
  'models/onnx-external-data/rten-onnx/test-data/mnist.onnx',
  'models/silero-vad/src/silero_vad/data/silero_vad.onnx',
  'models/silero-vad/src/silero_vad/data/silero_vad_16k_op15.onnx',
  'models/silero-vad/src/silero_vad/data/silero_vad_half.onnx',
  'models/silero-vad/src/silero_vad/data/silero_vad_op18_ifless.onnx',
  'models/silero-vad/src/silero_vad/data/silero_vad_openvino_16k.onnx',
];

function written(): string[] {
  if (python === '') return [];
  const script = fileURLToPath(new URL('onnxModels.py', import.meta.url));
  const { status, stderr } = spawnSync(python, [script, folder], { encoding: 'utf8', timeout: 200_000 });
  if (status !== 0) throw new Error(`onnxModels.py failed: ${stderr}`);
  return readdirSync(folder).filter((name) => name.endsWith('.onnx'));
}

describe.runIf(python !== '')('ONNX', () => {
  it.each(written())('%s, written by onnx and onnxruntime', async (name) => {
    expect(await compareWithReference(python, join(folder, name), 'onnxReport.py')).toBeGreaterThan(0);
  });

  const real = REAL.map((name) => sharedData(name)).filter((path) => path !== null);
  it.each(real)('%s', async (path) => {
    expect(await compareWithReference(python, path, 'onnxReport.py')).toBeGreaterThan(0);
  });
});
