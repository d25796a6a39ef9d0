// One malformed checkpoint: how to write it, and the error that must come back.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ErrorCode } from '../../core/base/errors.ts';

export interface Attack {
  /** Names the case and its folder. */
  readonly name: string;
  /** The code openCheckpoint must throw. */
  readonly code: ErrorCode;
  /** Writes the files into an empty folder and returns the path to open. */
  write(folder: string): string;
}

/** An attack that is a single file of given bytes. */
export function fileAttack(name: string, code: ErrorCode, file: string, bytes: () => Uint8Array): Attack {
  return {
    name,
    code,
    write(folder) {
      const path = join(folder, file);
      writeFileSync(path, bytes());
      return path;
    },
  };
}

/** Writes every attack into a folder of its own; returns what to open. */
export function writeAttacks(attacks: readonly Attack[], folder: string): { attack: Attack; path: string }[] {
  return attacks.map((attack) => {
    const own = join(folder, attack.name);
    mkdirSync(own, { recursive: true });
    return { attack, path: attack.write(own) };
  });
}
