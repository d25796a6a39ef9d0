// Makes sure the real VS Code workbench (from npm, as a server) and a browser to show it in are on this machine.

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installSystemPackages } from '../systemPackages.ts';

const HERE = dirname(fileURLToPath(import.meta.url));
const SERVER_FOLDER = join(HERE, 'node_modules', 'code-server', 'lib', 'vscode');
const SERVER_MAIN = join(SERVER_FOLDER, 'out', 'server-main.js');
/** One of its run-time dependencies: present once the second install below has run. */
const SERVER_DEPENDENCY = join(SERVER_FOLDER, 'node_modules', 'vscode-textmate');
const BROWSERS = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
];

/**
 * Installs the workbench server next to this file when it is missing (about twenty seconds, no compiler needed).
 *
 * @returns the server's entry point, to be run with Node
 */
export function installWorkbench(): string {
  if (!existsSync(SERVER_MAIN)) npm(['ci'], HERE);
  if (!existsSync(SERVER_DEPENDENCY))
    npm(['install', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund'], SERVER_FOLDER);
  return SERVER_MAIN;
}

/**
 * @returns a Chromium to drive, installed through apt where that is possible
 * @throws Error saying why there is none and what to do
 */
export function installBrowser(): string {
  const named = process.env.QUANTSCOPE_BROWSER;
  const found = [...(named ? [named] : []), ...BROWSERS].find(existsSync);
  if (found) return found;
  // Ubuntu's package of that name only points at a snap, which cannot be installed in a container.
  const failure = installSystemPackages('chromium', 'fonts-dejavu-core');
  const installed = BROWSERS.find(existsSync);
  if (!installed)
    throw new Error(`no Chromium found (${failure ?? 'not in its package'}): name one in QUANTSCOPE_BROWSER`);
  return installed;
}

function npm(args: string[], cwd: string): void {
  process.stderr.write(`npm ${args.join(' ')} (workbench)\n`);
  execFileSync('npm', args, { cwd, stdio: ['ignore', 'ignore', 'inherit'], shell: process.platform === 'win32' });
}
