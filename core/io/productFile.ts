// Finds the product's own files, whether running bundled (dist/) or from source.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** @throws Error when the kernels have not been built. */
export function kernelBytes(): Uint8Array<ArrayBuffer> {
  const path = findUp(['kernels.wasm', 'dist/kernels.wasm']);
  if (path === null) throw new Error('kernels.wasm is missing: run "npm run build"');
  return new Uint8Array(readFileSync(path));
}

/** The text that comes with the product to calibrate on. @throws Error when an installation lost it */
export function sampleTextPath(): string {
  const path = findUp(['media/calibration.txt']);
  if (path === null) throw new Error('media/calibration.txt is missing from the installation');
  return path;
}

/** The first of the names that exists in this module's folder or one above it. */
function findUp(names: readonly string[]): string | null {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const found = names.map((name) => join(folder, name)).find((path) => existsSync(path));
    if (found !== undefined) return found;
    const parent = dirname(folder);
    if (parent === folder) return null;
    folder = parent;
  }
}
