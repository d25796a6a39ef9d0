// Slurm's own programs, run here or on a login node: arguments as they are, an answer in time or a sentence why not.

import { spawn } from 'node:child_process';
import { QuantscopeError } from '../../../base/errors.ts';
import { quoted } from './quote.ts';

/** A thousand tasks take some 100 kB. */
const MAX_ANSWER_CHARACTERS = 1 << 20;
/** ssh(1): its own failures; the remote program's otherwise. */
const SSH_FAILED = 255;
const SHELL_FINDS_NOTHING = 127;

export interface Where {
  /** Login node, or null for this machine. */
  readonly ssh: string | null;
  readonly timeoutSeconds: number;
}

/**
 * @param program one of Slurm's
 * @param script  what it reads from standard input
 * @returns what it printed
 * @throws LAUNCH_FAILED when it is missing, fails, or does not answer in time
 */
export async function askSlurm(where: Where, program: string, args: readonly string[], script = ''): Promise<string> {
  const { ssh, timeoutSeconds } = where;
  const name = ssh === null ? program : `${program} on ${ssh}`;
  const failure = (fact: string, cause?: unknown): QuantscopeError =>
    new QuantscopeError('LAUNCH_FAILED', `${name}: ${fact}`, { cause });
  const answer = await (ssh === null
    ? run(program, args, script, timeoutSeconds)
    : run('ssh', [...SSH_OPTIONS, '--', ssh, [program, ...args].map(quoted).join(' ')], script, timeoutSeconds)
  ).catch((error: unknown) => {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    throw failure(
      missing ? `no such program on this machine (${ssh === null ? program : 'ssh'})` : String(error),
      error,
    );
  });
  const { code, stdout, stderr } = answer;
  if (code === null) throw failure(`no answer within ${timeoutSeconds} s`);
  if (code === 0) return stdout;
  const said = lastLine(stderr) || lastLine(stdout);
  if (ssh !== null && code === SSH_FAILED) throw failure(`ssh fails: ${said}`);
  if (ssh !== null && code === SHELL_FINDS_NOTHING) throw failure(`no such program there: ${said}`);
  throw failure(said === '' ? `ended with ${code}` : said);
}

/** Never a question to a person, who may not be there. */
const SSH_OPTIONS = ['-o', 'BatchMode=yes', '-o', 'ConnectTimeout=15'];

interface Answer {
  /** Null when it was stopped for taking too long. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(program: string, args: readonly string[], input: string, timeoutSeconds: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...args], { stdio: ['pipe', 'pipe', 'pipe'], env: environment(), windowsHide: true });
    let [stdout, stderr, late] = ['', '', false];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (stdout.length < MAX_ANSWER_CHARACTERS) stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (stderr.length < MAX_ANSWER_CHARACTERS) stderr += text;
    });
    // A program that ends without reading its script has said why.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
      // What it started may hold the pipes open for ever.
      for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe.destroy();
    }, timeoutSeconds * 1000);
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code: late ? null : (code ?? 1), stdout, stderr });
    });
  });
}

/** Without the variables by which people filter squeue's and scancel's answers for themselves. */
function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(SQUEUE|SCANCEL|SACCT)_/.test(name)));
}

/** "sbatch: error: Batch job submission failed: Invalid partition name specified" → the last sentence. */
function lastLine(text: string): string {
  const line = text.trim().split('\n').at(-1) ?? '';
  return line.replace(/^(\w+: )?((error|fatal): )?/, '').slice(0, 500);
}
