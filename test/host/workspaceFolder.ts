// A throw-away workspace: a copy of the sample model, broken files beside it, room for outputs.

import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { writeFormatFiles } from './formatFiles.ts';

export const SAMPLE = new URL('../fixtures/sample-llama/', import.meta.url);

/** The copied model's folder, which gives the model its name. */
export const MODEL_FOLDER = 'sample-llama';

/** @returns the folder's absolute path: sample-llama/, formats/, broken/, empty/ */
export function createWorkspace(): string {
  const root = join(mkdtempSync(join(tmpdir(), 'quantscope-')), 'checkpoints');
  for (const name of [MODEL_FOLDER, 'broken', 'empty']) mkdirSync(join(root, name), { recursive: true });
  for (const name of readdirSync(SAMPLE)) {
    const source = new URL(name, SAMPLE);
    if (/\.(safetensors|json)$/.test(name) && statSync(source).isFile())
      copyFileSync(source, join(root, MODEL_FOLDER, name));
  }
  const bytes = readFileSync(new URL('model.safetensors', SAMPLE));
  writeFileSync(join(root, 'broken', 'truncated.safetensors'), bytes.subarray(0, bytes.length >> 1));
  writeFileSync(join(root, 'broken', 'wrong.quantplan.json'), '{"kind":"quantscope.plan","version":1}');
  writeFormatFiles(root);
  return root;
}

/** Removes what `createWorkspace` made. */
export function removeWorkspace(root: string): void {
  rmSync(dirname(root), { recursive: true, force: true });
}
