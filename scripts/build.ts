// Builds everything into dist/: kernels (AssemblyScript), engine and extension (esbuild), webview (Vite).
// `node scripts/build.ts [kernels|host|webview]…` builds only the named parts.

import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { build as esbuild } from 'esbuild';
import { build as vite } from 'vite';

const PARTS = { kernels, host, webview };

function kernels(): void {
  mkdirSync('dist', { recursive: true });
  execFileSync(
    'node_modules/.bin/asc',
    [
      'core/kernels/assembly/index.ts',
      '--enable',
      'simd',
      '-O3',
      '--noAssert',
      '--runtime',
      'stub',
      '-o',
      'dist/kernels.wasm',
    ],
    { stdio: 'inherit' },
  );
}

async function host(): Promise<void> {
  const common = {
    bundle: true,
    platform: 'node',
    target: 'node20',
    sourcemap: true,
    minify: true,
    logLevel: 'warning',
  } as const;
  await esbuild({
    ...common,
    entryPoints: { engine: 'core/engine/main.ts', worker: 'core/engine/worker.ts' },
    outdir: 'dist',
    format: 'esm',
    // Native modules: loaded from node_modules when a model is first run, or a GPU first asked for.
    external: ['onnxruntime-node', 'webgpu'],
    // Bundled CommonJS dependencies still call require() for Node's own modules.
    banner: { js: "import{createRequire as __r}from'node:module';const require=__r(import.meta.url);" },
  });
  await esbuild({
    ...common,
    entryPoints: { extension: 'extension/main.ts' },
    outdir: 'dist',
    outExtension: { '.js': '.cjs' },
    format: 'cjs',
    external: ['vscode'],
  });
}

async function webview(): Promise<void> {
  await vite({ configFile: 'webview/vite.config.ts', logLevel: 'warn' });
}

const wanted = process.argv.slice(2);
for (const [name, build] of Object.entries(PARTS)) {
  if (wanted.length === 0 || wanted.includes(name)) await build();
}
