// A disk that is slow for one runner at a time: the way to meet it in the middle of its work, on machines of any speed.

import { chmodSync, copyFileSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Until `speedUp`. */
export const FOR_EVER_MS = 1e9;

export interface SlowDisk {
  /** For NODE_OPTIONS of the runner. */
  readonly nodeOptions: string;
  speedUp(): void;
}

/**
 * @param folder     for a file that tells the runner
 * @param fastWrites units that are written as fast as ever, before each next one waits `ms`
 * @param shards     whose disk it is: these, 'last' for the job's own runner, or all shards when none is named
 */
export function slowDisk(
  folder: string,
  ms: number,
  { fastWrites = 3, shards = [] }: { fastWrites?: number; shards?: readonly (number | 'last')[] } = {},
): SlowDisk {
  const own = mkdtempSync(join(folder, 'slow disk '));
  // The runner may be another user's, who cannot read here.
  chmodSync(own, 0o755);
  copyFileSync(join(import.meta.dirname, 'slowWrites.ts'), join(own, 'slowWrites.mts'));
  const module = pathToFileURL(join(own, 'slowWrites.mts'));
  const gate = join(own, 'fast');
  const query = { gate, ms: String(ms), fast: String(fastWrites) };
  for (const [name, value] of Object.entries(query)) module.searchParams.append(name, value);
  for (const shard of shards) module.searchParams.append('shard', String(shard));
  return { nodeOptions: `--import=${module.href}`, speedUp: () => writeFileSync(gate, '') };
}
