// The project's own source files, as the policy tests read them.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export interface SourceFile {
  /** Relative to the project, with forward slashes. */
  readonly path: string;
  readonly text: string;
  /** What it imports: project-relative paths for relative imports, package names otherwise. */
  readonly imports: readonly string[];
}

const IGNORED = new Set(['node_modules', 'dist', '.venv', 'out']);
const IMPORT = /(?:^|\n)\s*(?:import|export)\s(?:[^'"`;]*?\sfrom\s)?['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/g;

export function sourceFiles(...folders: string[]): SourceFile[] {
  return folders
    .flatMap((folder) => walk(folder))
    .map((path) => {
      const text = readFileSync(join(ROOT, path), 'utf8');
      const imports = [...text.matchAll(IMPORT)].map(([, a, b]) => resolveImport(path, a ?? b ?? ''));
      return { path, text, imports };
    });
}

function walk(folder: string): string[] {
  return readdirSync(join(ROOT, folder)).flatMap((name) => {
    const path = posix.join(folder, name);
    if (IGNORED.has(name)) return [];
    if (statSync(join(ROOT, path)).isDirectory()) return walk(path);
    return /\.(ts|tsx|mjs|wgsl)$/.test(name) ? [path] : [];
  });
}

function resolveImport(from: string, target: string): string {
  return target.startsWith('.') ? posix.normalize(posix.join(dirname(from), target)) : target;
}
