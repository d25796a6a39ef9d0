// Debian packages that tests need and npm does not have: installed through apt-get where that is possible.

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const LOCK = join(tmpdir(), 'quantscope-apt.lock');

/** @returns null when the packages are installed, else why they cannot be */
export function installSystemPackages(...names: readonly string[]): string | null {
  const wanted = names.join(' ');
  if (process.platform !== 'linux' || !existsSync('/usr/bin/apt-get')) return `${wanted}: no apt-get on this machine`;
  if (process.getuid?.() !== 0) return `${wanted}: not root; run "sudo apt-get install ${wanted}"`;
  process.stderr.write(`installing ${wanted} with apt-get\n`);
  // Tests run beside each other, and apt-get refuses to.
  const apt = (...args: string[]): void => {
    execFileSync('flock', [LOCK, 'apt-get', ...args], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    });
  };
  try {
    apt('update', '-q');
    apt('install', '-y', '-q', '--no-install-recommends', ...names);
    return null;
  } catch (error) {
    return `${wanted}: ${error instanceof Error ? error.message : String(error)}`;
  }
}
