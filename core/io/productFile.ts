// Finds the product's own built files, whether running bundled (dist/) or from source.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const KERNEL_FILE = 'kernels.wasm';

/** @throws Error when the kernels have not been built. */
export function kernelBytes(): Uint8Array<ArrayBuffer> {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    for (const path of [join(folder, KERNEL_FILE), join(folder, 'dist', KERNEL_FILE)]) {
      if (existsSync(path)) return new Uint8Array(readFileSync(path));
    }
    const parent = dirname(folder);
    if (parent === folder) throw new Error(`${KERNEL_FILE} is missing: run "npm run build"`);
    folder = parent;
  }
}
