// `npm run package [-- TARGET…|all]`: builds everything and packs the VSIX files users install: one for each platform,
// with its native modules, and `universal` without any, which does all but run models. Default: this machine's and
// universal. Nothing else of node_modules goes in: all is bundled.

import { spawnSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Platforms of VS Code for which the native modules have builds. */
const TARGETS = ['linux-x64', 'linux-arm64', 'darwin-arm64', 'win32-x64', 'win32-arm64', 'universal'];
/** Beside engine.js, where Node looks first. */
const MODULES = 'dist/node_modules';

/** What of each native package a platform needs. */
const NATIVE: Readonly<Record<string, (os: string, cpu: string) => readonly string[]>> = {
  'onnxruntime-node': (os, cpu) => ['package.json', 'dist', `bin/napi-v6/${os}/${cpu}`],
  'onnxruntime-common': () => ['package.json', 'dist/cjs'],
  webgpu: (os, cpu) => ['package.json', 'index.js', `dist/${os}-${os === 'darwin' ? 'universal' : cpu}`],
};

function run(command: string, args: readonly string[]): void {
  const { status } = spawnSync(command, args, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

function stageNative(target: string): void {
  const [os = '', cpu = ''] = target.split('-');
  for (const [name, parts] of Object.entries(NATIVE)) {
    for (const part of parts(os, cpu)) {
      const filter = (path: string): boolean => !/\.(map|d\.ts)$/.test(path);
      cpSync(join('node_modules', name, part), join(MODULES, name, part), { recursive: true, filter });
    }
  }
}

function pack(target: string): void {
  const output = `dist/quantscope${target === 'universal' ? '' : `-${target}`}.vsix`;
  try {
    if (target !== 'universal') stageNative(target);
    run('vsce', [
      'package',
      '--no-dependencies',
      '--skip-license',
      '--allow-missing-repository',
      '--no-rewrite-relative-links',
      ...(target === 'universal' ? [] : ['--target', target]),
      '--out',
      output,
    ]);
  } finally {
    rmSync(MODULES, { recursive: true, force: true });
  }
}

const own = `${process.platform}-${process.arch}`;
const asked = process.argv.slice(2);
const wanted = asked.includes('all')
  ? TARGETS
  : asked.length > 0
    ? asked
    : TARGETS.filter((target) => target === own || target === 'universal');
const unknown = wanted.find((target) => !TARGETS.includes(target));
if (unknown !== undefined) {
  console.error(`no target ${unknown}; targets: ${TARGETS.join(', ')}, all`);
  process.exit(2);
}
run(process.execPath, ['scripts/build.ts']);
for (const target of wanted) pack(target);
