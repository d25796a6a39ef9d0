// Makes sure the real VS Code workbench (from npm, as a server) and a browser to show it in are on this machine.

import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installSystemPackages } from '../systemPackages.ts';

const HERE = dirname(fileURLToPath(import.meta.url));
const SERVER_FOLDER = join(HERE, 'node_modules', 'code-server', 'lib', 'vscode');
const SERVER_MAIN = join(SERVER_FOLDER, 'out', 'server-main.js');
/** One of its run-time dependencies: present once the second install below has run. */
const SERVER_DEPENDENCY = join(SERVER_FOLDER, 'node_modules', 'vscode-textmate');
/** What the server writes logs with, the Output panel's included. Built from source: without it, that panel stays blank. */
const LOGGER = join(SERVER_FOLDER, 'node_modules', '@vscode', 'spdlog');
const BUILT = join('build', 'Release', 'spdlog.node');
const BROWSERS = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
];

/**
 * Installs the workbench server next to this file when it is missing (about a minute). Where there is no compiler, it
 * works but for the Output panel.
 *
 * @returns the server's entry point, to be run with Node
 */
export function installWorkbench(): string {
  if (!existsSync(SERVER_MAIN)) npm(['ci'], HERE);
  if (!existsSync(SERVER_DEPENDENCY))
    npm(['install', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund'], SERVER_FOLDER);
  if (!hasOutputPanel()) buildLogger();
  return SERVER_MAIN;
}

/** Whether output channels show what is written to them. */
export function hasOutputPanel(): boolean {
  return existsSync(join(LOGGER, BUILT));
}

/** In a folder of its own: others may be starting a workbench as well. */
function buildLogger(): void {
  const headers = nodeHeaders();
  const folder = mkdtempSync(join(SERVER_FOLDER, 'logger-'));
  const copy = join(folder, 'node_modules', '@vscode', 'spdlog');
  try {
    cpSync(LOGGER, copy, { recursive: true, filter: (path) => basename(path) !== 'build' });
    const more = headers === undefined ? [] : [`--nodedir=${headers}`];
    npm(['rebuild', '--ignore-scripts=false', ...more], folder);
    mkdirSync(dirname(join(LOGGER, BUILT)), { recursive: true });
    renameSync(join(copy, BUILT), join(LOGGER, BUILT));
  } catch {
    process.stderr.write('the Output panel of this workbench stays blank: its logger could not be compiled\n');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Where Node-API's headers are: those of any version do. Undefined leaves node-gyp to download them. */
function nodeHeaders(): string | undefined {
  const own = dirname(dirname(process.execPath));
  const places = [own, join(own, 'node_modules', `node-${process.platform}-${process.arch}`), '/usr'];
  return places.find((place) => existsSync(join(place, 'include', 'node', 'node_api.h')));
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
