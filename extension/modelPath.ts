// Which file of a folder is its model, and which files belong to a model. Names only: nothing is read.

import { basename, dirname, join } from 'node:path';

const INDEX = /\.safetensors\.index\.json$/i;
const WEIGHTS = /\.(safetensors|gguf)$/i;
/** "name-00002-of-00005.gguf": one shard of several. */
const SHARD = /^(.*)-(\d{5})-of-(\d{5})\.(safetensors|gguf)$/i;

export function isModelFile(path: string): boolean {
  return INDEX.test(path) || WEIGHTS.test(path);
}

/**
 * The models in a folder, best first: an index stands for its shards, the first part of a split file for the others.
 *
 * @param names entries of the folder
 */
export function modelsAmong(names: readonly string[]): string[] {
  const indexes = names.filter((name) => INDEX.test(name)).sort();
  const indexed = new Set(indexes.map((name) => name.replace(INDEX, '')));
  const files = names.filter((name) => {
    if (!WEIGHTS.test(name)) return false;
    const shard = SHARD.exec(name);
    if (shard === null) return true;
    const [, stem = '', part, , extension] = shard;
    if (extension?.toLowerCase() === 'safetensors' && indexed.has(stem)) return false;
    return Number(part) === 1;
  });
  return [...indexes, ...files.sort()];
}

/** Where and which files to watch for changes of the model: a folder and a glob inside it. */
export function watchedFiles(path: string): { folder: string; glob: string } {
  const folder = dirname(path);
  const name = basename(path);
  if (INDEX.test(name)) return { folder, glob: '*.{safetensors,safetensors.index.json}' };
  const shard = SHARD.exec(name);
  if (shard !== null) return { folder, glob: `${escapeGlob(shard[1] ?? '')}-*-of-${shard[3]}.${shard[4]}` };
  return { folder, glob: escapeGlob(name) };
}

/** Same folder, "model-4.5bpw.gguf": what an export of `path` is called unless the user says otherwise. */
export function suggestedPath(path: string, suffix: string): string {
  const name = basename(path).replace(INDEX, '').replace(WEIGHTS, '');
  // Hugging Face calls every model "model": its folder's name says more.
  const stem = name === 'model' ? basename(dirname(path)) : name;
  return join(dirname(path), `${stem}${suffix}`);
}

function escapeGlob(text: string): string {
  return text.replace(/[[\]{}*?]/g, '[$&]');
}
