// Measured errors on disk, per checkpoint fingerprint: a scan that was stopped goes on where it was.

import * as z from 'zod';
import { type CacheFolder, openCacheFolder } from '../io/cacheFolder.ts';
import { spellFigures } from '../protocol/figures.ts';
import { zFigure, zTarget } from '../protocol/objects.ts';
import type { GgufTarget } from '../quant/ggufTypes.ts';

/** Raise when quantizers or the score change what they compute: older entries are then never read. */
const METHOD_VERSION = 2;

const zEntry = z.object({
  at: z.string(),
  /** By tensor index, then by stored type. */
  errors: z.record(z.string(), z.partialRecord(zTarget, zFigure)),
});

export interface ErrorCache {
  /** When the newest of its errors was measured. */
  readonly at: string;
  get(tensor: number): ReadonlyMap<GgufTarget, number> | undefined;
  set(tensor: number, errors: ReadonlyMap<GgufTarget, number>): void;
  /** Writes everything set so far. A cache that cannot be written is done without. */
  save(): Promise<void>;
}

/** @param name fingerprint and settings, or null to keep nothing on disk. A damaged or unreadable entry counts as none. */
export async function openErrorCache(name: string | null): Promise<ErrorCache> {
  const key = `${name}-v${METHOD_VERSION}`;
  const folder = name === null ? null : await openCacheFolder('sensitivity').catch(() => null);
  const known = folder === null ? null : await readEntry(folder, key);
  const errors = known?.errors ?? new Map<number, ReadonlyMap<GgufTarget, number>>();
  let at = known?.at ?? new Date().toISOString();
  return {
    get at() {
      return at;
    },
    get: (tensor) => errors.get(tensor),
    set(tensor, measured) {
      errors.set(tensor, new Map([...(errors.get(tensor) ?? []), ...measured]));
      at = new Date().toISOString();
    },
    async save() {
      const entry = {
        at,
        errors: Object.fromEntries([...errors].map(([tensor, byType]) => [tensor, Object.fromEntries(byType)])),
      };
      const bytes = new TextEncoder().encode(JSON.stringify(spellFigures(entry)));
      await folder?.write(key, bytes).catch(() => undefined);
    },
  };
}

async function readEntry(
  folder: CacheFolder,
  key: string,
): Promise<{ at: string; errors: Map<number, ReadonlyMap<GgufTarget, number>> } | null> {
  try {
    const bytes = await folder.read(key);
    if (bytes === null) return null;
    const { at, errors } = zEntry.parse(JSON.parse(new TextDecoder().decode(bytes)));
    const byTensor = Object.entries(errors).map(
      ([tensor, byType]) => [Number(tensor), new Map(Object.entries(byType) as [GgufTarget, number][])] as const, // zTarget keys
    );
    return { at, errors: new Map(byTensor) };
  } catch {
    return null; // whatever is wrong with it, the errors can be measured again
  }
}
