// Names of files that may hold a model: those an editor can claim, and those other programs use too.

/** Ends of file names, lower case. Hardly anything else is named so: the editor opens these by itself. */
export const MODEL_ENDINGS = [
  '.safetensors',
  '.safetensors.index.json',
  '.gguf',
  '.onnx',
  '.npy',
  '.npz',
  '.bin.index.json',
  '.imatrix',
] as const;

/** Disk images, save games and databases end like this as well: opened when asked, never claimed. */
export const SHARED_ENDINGS = ['.pt', '.pth', '.bin', '.ckpt', '.th', '.jit', '.dat', '.tar', '.h5', '.hdf5'] as const;

/** The longest ending of a model file the name has, or null. */
export function modelEnding(name: string): string | null {
  const lower = name.toLowerCase();
  const found = [...MODEL_ENDINGS, ...SHARED_ENDINGS].filter((ending) => lower.endsWith(ending));
  return found.reduce<string | null>(
    (longest, ending) => (ending.length > (longest?.length ?? 0) ? ending : longest),
    null,
  );
}

/** Whether the name alone says that this is a model. */
export function hasModelEnding(name: string): boolean {
  const ending = modelEnding(name);
  return (MODEL_ENDINGS as readonly string[]).includes(ending ?? '');
}
