// Starts the real VS Code workbench as a local server, showing one folder with the extension under development.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installWorkbench } from './install.ts';

const HOST = '127.0.0.1';
const START_TIMEOUT_MS = 60_000;

export interface WorkbenchOptions {
  /** Absolute path of the folder to open. */
  folder: string;
  /** Absolute path of the extension, loaded as one under development. */
  extensionPath: string;
  /** A free one when absent. */
  port?: number;
  /** Environment of the extension host, on top of this process's. */
  env?: Record<string, string>;
  /** Restricted mode and its question are off unless asked for. */
  workspaceTrust?: boolean;
}

export interface Workbench {
  url: string;
  port: number;
  stop(): Promise<void>;
}

export interface WorkbenchUrlOptions {
  port: number;
  folder: string;
  extensionPath: string;
  /** A module exporting `run(): Promise<void>`; the workbench runs it and reports the exit code to the page. */
  extensionTestsPath?: string;
}

/**
 * Installs the workbench when needed and serves it until `stop`.
 *
 * @throws Error with the server's last output when it does not answer in time
 */
export async function startWorkbench(options: WorkbenchOptions): Promise<Workbench> {
  const main = installWorkbench();
  const port = options.port ?? (await freePort());
  const data = mkdtempSync(join(tmpdir(), 'quantscope-workbench-'));
  mkdirSync(join(data, 'data', 'Machine'), { recursive: true });
  writeFileSync(
    join(data, 'data', 'Machine', 'settings.json'),
    JSON.stringify({
      'extensions.autoUpdate': false,
      'workbench.secondarySideBar.defaultVisibility': 'hidden',
      'chat.disableAIFeatures': true,
    }),
  );
  const args = [
    ...[main, '--host', HOST, '--port', String(port), '--without-connection-token', '--accept-server-license-terms'],
    ...['--telemetry-level', 'off', '--enable-smoke-test-driver', '--server-data-dir', data],
    ...(options.workspaceTrust ? [] : ['--disable-workspace-trust']),
  ];
  const server = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env, VSCODE_PROXY_URI: '' },
  });
  const stop = async (): Promise<void> => {
    await ended(server);
    rmSync(data, { recursive: true, force: true, maxRetries: 5 });
  };
  const leave = (): void => {
    server.kill();
  };
  process.once('exit', leave);
  server.once('exit', () => process.off('exit', leave));
  try {
    await answering(server, port);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: workbenchUrl({ port, folder: options.folder, extensionPath: options.extensionPath }), port, stop };
}

/** The page that shows `folder`; with `extensionTestsPath` the page that runs that suite inside the extension host. */
export function workbenchUrl(options: WorkbenchUrlOptions): string {
  const remote = (path: string): string => `vscode-remote://${HOST}:${options.port}${path}`;
  const payload = [
    ['extensionDevelopmentPath', remote(options.extensionPath)],
    ...(options.extensionTestsPath ? [['extensionTestsPath', remote(options.extensionTestsPath)]] : []),
    ['skipWelcome', 'true'],
  ];
  const query = new URLSearchParams({ folder: options.folder, payload: JSON.stringify(payload) });
  return `http://${HOST}:${options.port}/?${query}`;
}

async function answering(server: ChildProcess, port: number): Promise<void> {
  let output = '';
  const keep = (chunk: Buffer): void => {
    output = (output + chunk).slice(-4000);
  };
  server.stdout?.on('data', keep);
  server.stderr?.on('data', keep);
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (server.exitCode === null && Date.now() < deadline) {
    try {
      const response = await fetch(`http://${HOST}:${port}/version`);
      if (response.ok) return;
    } catch {
      // Not listening yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`the workbench did not start on port ${port}:\n${output}`);
}

function ended(server: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (server.exitCode !== null || server.signalCode !== null) return resolve();
    const force = setTimeout(() => server.kill('SIGKILL'), 5000);
    server.once('exit', () => {
      clearTimeout(force);
      resolve();
    });
    server.kill();
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, HOST, () => {
      const address = probe.address();
      probe.close(() =>
        address && typeof address === 'object' ? resolve(address.port) : reject(new Error('no free port')),
      );
    });
  });
}
