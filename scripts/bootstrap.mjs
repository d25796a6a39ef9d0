// First step of `npm start` and `npm test` on any machine with Node 20 or newer and npm: installs the locked
// dependencies when they are missing or outdated, then runs the named TypeScript script on the project's own Node.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stamp = join(root, 'node_modules', '.installed');
const nodeBinary = join(root, 'node_modules', 'node', 'bin', 'node');
const [script, ...args] = process.argv.slice(2);
install();
const node = existsSync(nodeBinary) ? nodeBinary : process.execPath;
const env = { ...process.env, PATH: `${join(root, 'node_modules', '.bin')}${delimiter}${process.env.PATH ?? ''}` };
const run = spawnSync(node, [join(root, script), ...args], { cwd: root, stdio: 'inherit', env });
process.exit(run.status ?? 1);

function install() {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  console.log('Installing dependencies…');
  const done = spawnSync('npm', ['ci'], { cwd: root, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' });
  if (done.status !== 0) {
    console.error('Installing dependencies failed; see above.');
    process.exit(done.status ?? 1);
  }
  writeFileSync(stamp, lock);
}
