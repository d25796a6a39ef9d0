// Runs the host suite inside a real VS Code: the desktop one where there is one, else the workbench from npm in Chromium.

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { downloadAndUnzipVSCode, runTests } from '@vscode/test-electron';
import { build } from 'esbuild';
import { launchBrowser } from '../../scripts/workbench/browser.ts';
import { startWorkbench, workbenchUrl } from '../../scripts/workbench/workbench.ts';
import { writeLargeModel } from './largeModel.ts';
import type { HostReport } from './report.ts';
import { createWorkspace, removeWorkspace } from './workspaceFolder.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SUITE = join(ROOT, 'dist', 'test', 'host.cjs');
const SUITE_TIMEOUT_MS = 10 * 60_000;
const DOWNLOAD_TIMEOUT_MS = 15_000;

await build({
  entryPoints: { host: fileURLToPath(new URL('suite/index.ts', import.meta.url)) },
  outdir: join(ROOT, 'dist', 'test'),
  outExtension: { '.js': '.cjs' },
  bundle: true,
  platform: 'node',
  target: 'node22',
  format: 'cjs',
  sourcemap: 'inline',
  external: ['vscode', 'mocha'],
  logLevel: 'warning',
});

const scratch = mkdtempSync(join(tmpdir(), 'quantscope-host-'));
const reportPath = join(scratch, 'report.json');
const folder = createWorkspace();
writeLargeModel(join(folder, 'large'));
const env = {
  QUANTSCOPE_HOST_REPORT: reportPath,
  QUANTSCOPE_CACHE: join(scratch, 'cache'),
  QUANTSCOPE_STATE: join(scratch, 'state'),
};
let trouble = '';
try {
  const desktop = await desktopVsCode();
  if (desktop) await runInDesktop(desktop);
  else await runInWorkbench();
} catch (error) {
  trouble = error instanceof Error ? (error.stack ?? error.message) : String(error);
}
process.exitCode = finish();

/** A desktop VS Code that can be run here, or undefined (with the reason on stderr). */
async function desktopVsCode(): Promise<string | undefined> {
  const named = process.env.VSCODE_PATH;
  if (named) return named;
  if (process.platform === 'linux' && !process.env.DISPLAY) {
    console.error('no display for a desktop VS Code: using the workbench from npm');
    return undefined;
  }
  try {
    return await downloadAndUnzipVSCode({ timeout: DOWNLOAD_TIMEOUT_MS });
  } catch (error) {
    console.error(
      `VS Code cannot be downloaded (${error instanceof Error ? error.message : error}): using the workbench from npm`,
    );
    return undefined;
  }
}

async function runInDesktop(vscodeExecutablePath: string): Promise<void> {
  await runTests({
    vscodeExecutablePath,
    extensionDevelopmentPath: ROOT,
    extensionTestsPath: SUITE,
    extensionTestsEnv: env,
    launchArgs: [
      folder,
      '--disable-extensions',
      '--disable-workspace-trust',
      `--user-data-dir=${join(scratch, 'user')}`,
    ],
  });
}

async function runInWorkbench(): Promise<void> {
  const extensionPath = ROOT.replace(/[\\/]$/, '');
  const workbench = await startWorkbench({ folder, extensionPath, env });
  const browser = await launchBrowser();
  try {
    const page = await browser.newPage();
    const ended = new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`the suite did not end in ${SUITE_TIMEOUT_MS} ms`)),
        SUITE_TIMEOUT_MS,
      );
      void page.exposeFunction('codeAutomationExit', () => {
        clearTimeout(timer);
        resolve();
      });
    });
    // The workbench's own chatter is of no interest; what failed is in the report.
    await page.exposeFunction('codeAutomationLog', () => {});
    await page.goto(workbenchUrl({ port: workbench.port, folder, extensionPath, extensionTestsPath: SUITE }));
    await ended;
  } finally {
    await browser.close();
    await workbench.stop();
  }
}

function finish(): number {
  const report: HostReport = existsSync(reportPath)
    ? (JSON.parse(readFileSync(reportPath, 'utf8')) as HostReport)
    : { passed: [], failed: [{ title: 'the suite', message: trouble || 'ended without a report' }] };
  for (const title of report.passed) console.log(`✓ ${title}`);
  for (const { title, message } of report.failed) console.log(`✗ ${title}\n${message.replace(/^/gm, '    ')}`);
  rmSync(scratch, { recursive: true, force: true });
  removeWorkspace(folder);
  console.log(`${report.passed.length} passed, ${report.failed.length} failed`);
  return report.failed.length === 0 ? 0 : 1;
}
