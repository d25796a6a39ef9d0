// A throw-away workspace: a copy of the sample model, broken files beside it, room for outputs.

import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const SAMPLE = new URL('../fixtures/sample-llama/', import.meta.url);

/** @returns the folder's absolute path: model/, broken/, empty/ */
export function createWorkspace(): string {
  const root = mkdtempSync(join(tmpdir(), 'quantscope-workspace-'));
  for (const name of ['model', 'broken', 'empty']) mkdirSync(join(root, name));
  for (const name of readdirSync(SAMPLE)) {
    const source = new URL(name, SAMPLE);
    if (/\.(safetensors|json)$/.test(name) && statSync(source).isFile())
      copyFileSync(source, join(root, 'model', name));
  }
  const bytes = readFileSync(new URL('model.safetensors', SAMPLE));
  writeFileSync(join(root, 'broken', 'truncated.safetensors'), bytes.subarray(0, bytes.length >> 1));
  writeFileSync(join(root, 'broken', 'wrong.quantplan.json'), '{"kind":"quantscope.plan","version":1}');
  return root;
}
