// `npm run package`: builds everything and packs the VSIX users install. Nothing of node_modules goes in: all is bundled.

import { spawnSync } from 'node:child_process';

function run(command: string, args: readonly string[]): void {
  const { status } = spawnSync(command, args, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

run(process.execPath, ['scripts/build.ts']);
run('vsce', [
  'package',
  '--no-dependencies',
  '--skip-license',
  '--allow-missing-repository',
  '--no-rewrite-relative-links',
  '--out',
  'dist/quantscope.vsix',
]);
