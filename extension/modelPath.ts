// Which file of a folder is its model, and which files belong to a model. Names only: nothing is read.

import { basename, dirname, join } from 'node:path';
import { hasModelEnding, MODEL_ENDINGS, modelEnding, SHARED_ENDINGS } from '../core/protocol/modelFiles.ts';

const INDEX = /\.(safetensors|bin)\.index\.json$/i;
/** "name-00002-of-00005.gguf": one shard of several. */
const SHARD = /^(.*)-(\d{5})-of-(\d{5})\.(safetensors|gguf|bin)$/i;
/** Opened on their own; in a folder they stand beside the model. */
const BESIDE_A_MODEL = /\.(npy|imatrix)$/i;

/** What file dialogs list: they know only what follows the last dot. */
export const DIALOG_EXTENSIONS: readonly string[] = [
  ...new Set([...MODEL_ENDINGS, ...SHARED_ENDINGS].map((ending) => ending.slice(ending.lastIndexOf('.') + 1))),
];

/**
 * The models in a folder, best first: an index stands for its shards, the first part of a split file for the others.
 * Files that other programs name alike are models only where nothing surer is.
 *
 * @param names entries of the folder
 */
export function modelsAmong(names: readonly string[]): string[] {
  const indexes = names.filter((name) => INDEX.test(name)).sort();
  const indexed = new Set(indexes.map((name) => `${name.replace(INDEX, '')}.${INDEX.exec(name)?.[1]?.toLowerCase()}`));
  const files = names.filter((name) => {
    if (INDEX.test(name) || modelEnding(name) === null) return false;
    const shard = SHARD.exec(name);
    if (shard === null) return true;
    const [, stem = '', part, , extension] = shard;
    return !indexed.has(`${stem}.${extension?.toLowerCase()}`) && Number(part) === 1;
  });
  const sure = files.filter((name) => hasModelEnding(name) && !BESIDE_A_MODEL.test(name));
  const models = indexes.length + sure.length > 0 ? sure : files;
  return [...indexes, ...models.sort()];
}

/** Where and which files to watch for changes of the model: a folder and a glob inside it. */
export function watchedFiles(path: string): { folder: string; glob: string } {
  const folder = dirname(path);
  const name = basename(path);
  const index = INDEX.exec(name)?.[1]?.toLowerCase();
  if (index !== undefined) return { folder, glob: `*.{${index},${index}.index.json}` };
  const shard = SHARD.exec(name);
  if (shard !== null) return { folder, glob: `${escapeGlob(shard[1] ?? '')}-*-of-${shard[3]}.${shard[4]}` };
  // "model.onnx.data" and "model.onnx_data" hold the weights of a large graph.
  return { folder, glob: `${escapeGlob(name)}${/\.onnx$/i.test(name) ? '*' : ''}` };
}

/** Same folder, "model-4.5bpw.gguf": what an export of `path` is called unless the user says otherwise. */
export function suggestedPath(path: string, suffix: string): string {
  const whole = basename(path);
  const name = whole.slice(0, whole.length - (modelEnding(whole)?.length ?? 0));
  // Hugging Face calls every model "model": its folder's name says more.
  const stem = name === 'model' || name === 'pytorch_model' ? basename(dirname(path)) : name;
  return join(dirname(path), `${stem}${suffix}`);
}

function escapeGlob(text: string): string {
  return text.replace(/[[\]{}*?]/g, '[$&]');
}
