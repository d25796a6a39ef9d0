// Cache entries of any size: parts under keys of their own, a manifest that names them written last. A reader sees the
// old entry or the new one, whole.

import { createHash } from 'node:crypto';
import * as z from 'zod';
import type { CacheFolder } from '../io/cacheFolder.ts';

/** Half of what the folder takes as one entry (MAX_CACHE_ENTRY_BYTES). */
const PART_BYTES = 64 * 1024 * 1024;

const zManifest = z.object({ sha256: z.string(), bytes: z.int().nonnegative(), parts: z.array(z.string()) });

/** Replaces the entry. @throws what writing throws; the old entry is then still whole */
export async function writeLarge(folder: CacheFolder, key: string, bytes: Uint8Array): Promise<void> {
  const old = await readManifest(folder, key);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const count = Math.ceil(bytes.length / PART_BYTES);
  const parts = Array.from({ length: count }, (_, i) => `${key}-${sha256.slice(0, 16)}-${i}`);
  for (const [i, part] of parts.entries())
    await folder.write(part, bytes.subarray(i * PART_BYTES, (i + 1) * PART_BYTES));
  const manifest = { sha256, bytes: bytes.length, parts };
  await folder.write(key, new TextEncoder().encode(JSON.stringify(manifest)));
  for (const part of old?.parts ?? []) if (!parts.includes(part)) await folder.remove(part);
}

/** @returns null when it is missing, or any part is missing or damaged */
export async function readLarge(folder: CacheFolder, key: string): Promise<Uint8Array<ArrayBuffer> | null> {
  const manifest = await readManifest(folder, key);
  if (manifest === null) return null;
  const parts: Uint8Array[] = [];
  for (const part of manifest.parts) {
    const found = await folder.read(part).catch(() => null);
    if (found === null) return null;
    parts.push(found);
  }
  if (parts.reduce((sum, { length }) => sum + length, 0) !== manifest.bytes) return null;
  const bytes = new Uint8Array(manifest.bytes);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return createHash('sha256').update(bytes).digest('hex') === manifest.sha256 ? bytes : null;
}

async function readManifest(folder: CacheFolder, key: string): Promise<z.infer<typeof zManifest> | null> {
  try {
    const bytes = await folder.read(key);
    return bytes === null ? null : zManifest.parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    return null; // whatever is wrong with it: it counts as none
  }
}
