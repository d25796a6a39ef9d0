// Builds parts whose outputs are missing or older than their sources.

import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const PARTS = {
  kernels: { outputs: ['dist/kernels.wasm'], sources: ['core/kernels/assembly'] },
  host: {
    outputs: ['dist/engine.js', 'dist/worker.js', 'dist/extension.cjs'],
    sources: ['core', 'extension', 'package.json'],
  },
  webview: { outputs: ['dist/webview/main.js'], sources: ['webview', 'core/protocol'] },
} as const;

export type BuildPart = keyof typeof PARTS;

/** Messages go to stderr, so that a command's output stays its own. @throws Error when the build fails */
export function buildIfStale(parts: readonly BuildPart[] = Object.keys(PARTS) as BuildPart[]): void {
  const stale = parts.filter(isStale);
  if (stale.length === 0) return;
  process.stderr.write(`Building ${stale.join(', ')}…\n`);
  const { status } = spawnSync(process.execPath, ['scripts/build.ts', ...stale], { stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new Error(`the build of ${stale.join(', ')} failed`);
}

function isStale(part: BuildPart): boolean {
  const { outputs, sources } = PARTS[part];
  const built = Math.min(...outputs.map((path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0));
  return sources.some((path) => newest(path) > built);
}

function newest(path: string): number {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return 0;
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(0, ...readdirSync(path).map((name) => newest(join(path, name))));
}
