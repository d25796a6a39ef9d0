// Loaded into runners under test (`node --import`, see slowDisk.ts): each write of the output waits.

import { existsSync, readlinkSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const STEP_MS = 20;

const query = new URL(import.meta.url).searchParams;
/** Once this file is there, the disk is fast. */
const gate = query.get('gate') ?? '';
const waitMs = Number(query.get('ms'));
const fastWrites = Number(query.get('fast'));
const slowShards = query.getAll('shard');

const { argv } = process;
const own = argv.includes('--shard') ? (argv[argv.indexOf('--shard') + 1]?.split('/')[0] ?? '') : 'last';
if (slowShards.length === 0 ? own !== 'last' : slowShards.includes(own)) {
  // No module exports the class of file handles.
  await using probe = await open('/dev/null');
  const handles = Object.getPrototypeOf(probe) as FileHandle;
  const { write } = handles;
  let writes = 0;
  handles.write = async function slowWrite(this: FileHandle, ...given: unknown[]) {
    if (readlinkSync(`/proc/self/fd/${this.fd}`).endsWith('.gguf') && ++writes > fastWrites)
      for (let waited = 0; waited < waitMs && !existsSync(gate); waited += STEP_MS) await sleep(STEP_MS);
    return Reflect.apply(write, this, given);
  } as FileHandle['write'];
}
