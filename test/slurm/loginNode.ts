// A login node: a real sshd on this machine, with keys that live as long as the test, for the user's own `ssh`.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installSystemPackages } from '../../scripts/systemPackages.ts';
import type { Cluster } from './cluster.ts';
import { endProcess, freePort, patiently, removeFolder } from './processes.ts';

const SSHD = '/usr/sbin/sshd';
/** sshd(8) wants it, and it is the service's script that makes it. */
const PRIVILEGE_SEPARATION = '/run/sshd';

/**
 * Hosts of the ssh_config under test: `login` has Slurm; `bare` has not; `stranger` shows a key nobody knows;
 * `locked` does not take ours; `silent` accepts connections and says nothing; nothing listens at `off`.
 */
export interface LoginNode extends AsyncDisposable {
  /** PATH whose `ssh` is the real one with that ssh_config. */
  readonly path: string;
  /** What that `ssh` was called with, a line each. */
  calls(): string[];
  /** What sshd has told. */
  log(): string;
}

/** @returns the login node of a cluster, or why there is none on this machine */
export async function startLoginNode({ environment }: Cluster): Promise<LoginNode | string> {
  if (!existsSync(SSHD)) {
    const failure = installSystemPackages('openssh-server', 'openssh-client');
    if (failure !== null) return `ssh: ${failure}`;
  }
  mkdirSync(PRIVILEGE_SEPARATION, { recursive: true, mode: 0o755 });
  const folder = mkdtempSync(join(tmpdir(), 'quantscope-ssh-'));
  const at = (name: string): string => join(folder, name);
  for (const key of ['host', 'user', 'other'])
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', at(key)]);
  copyFileSync(at('user.pub'), at('authorized_keys'));
  writeFileSync(at('known_hosts'), `quantscope-login ${readFileSync(at('host.pub'), 'utf8')}`);
  const silent = createServer(() => {}).listen(0, '127.0.0.1');
  await new Promise((done) => silent.once('listening', done));
  const address = silent.address();
  const ports = {
    login: await freePort(),
    bare: await freePort(),
    off: await freePort(),
    silent: typeof address === 'object' ? (address?.port ?? 0) : 0,
  };
  writeFileSync(at('sshd_config'), serverConfiguration(at, ports, environment.SLURM_CONF ?? ''));
  writeFileSync(at('ssh_config'), clientConfiguration(at, ports));
  mkdirSync(at('bin'));
  writeFileSync(
    at('bin/ssh'),
    `#!/bin/bash\nprintf '%s\\n' "$*" >>'${at('calls')}'\nexec /usr/bin/ssh -F '${at('ssh_config')}' "$@"\n`,
  );
  chmodSync(at('bin/ssh'), 0o755);
  const log = openSync(at('log'), 'a');
  const daemon = spawn(SSHD, ['-D', '-e', '-f', at('sshd_config')], { stdio: ['ignore', log, log] });
  const node: LoginNode = {
    path: `${at('bin')}:${process.env.PATH}`,
    calls: () => readFileSync(at('calls'), 'utf8').trimEnd().split('\n'),
    log: () => readFileSync(at('log'), 'utf8'),
    async [Symbol.asyncDispose]() {
      await endProcess(daemon.pid ?? 0);
      silent.close();
      removeFolder(folder);
    },
  };
  const answers = (): boolean => spawnSync('ssh', ['-F', at('ssh_config'), 'login', 'true']).status === 0;
  if (await patiently(answers)) return node;
  const told = node.log().slice(-500);
  await node[Symbol.asyncDispose]();
  return `ssh: sshd does not let its user in: ${told}`;
}

interface Ports {
  readonly login: number;
  readonly bare: number;
  readonly off: number;
  readonly silent: number;
}

function serverConfiguration(at: (name: string) => string, { login, bare }: Ports, slurmConf: string): string {
  return [
    'ListenAddress 127.0.0.1',
    `Port ${login}`,
    `Port ${bare}`,
    `HostKey ${at('host')}`,
    `PidFile ${at('sshd.pid')}`,
    `AuthorizedKeysFile ${at('authorized_keys')}`,
    'StrictModes no',
    'UsePAM no',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PermitRootLogin prohibit-password',
    'MaxStartups 100',
    `Match LocalPort ${login}`,
    `  SetEnv SLURM_CONF=${slurmConf} QUANTSCOPE_CACHE=${at('cache')}`,
    `Match LocalPort ${bare}`,
    `  SetEnv PATH=${at('bin')}`,
    '',
  ].join('\n');
}

function clientConfiguration(at: (name: string) => string, { login, bare, off, silent }: Ports): string {
  const host = (name: string, port: number, key = 'user', alias = 'quantscope-login'): string[] => [
    `Host ${name}`,
    `  Port ${port}`,
    `  IdentityFile ${at(key)}`,
    `  HostKeyAlias ${alias}`,
  ];
  return [
    ...host('login', login),
    ...host('bare', bare),
    ...host('off', off),
    ...host('silent', silent),
    ...host('stranger', login, 'user', 'nobody-knows-it'),
    ...host('locked', login, 'other'),
    'Host *',
    '  HostName 127.0.0.1',
    '  User root',
    '  IdentitiesOnly yes',
    '  IdentityAgent none',
    `  UserKnownHostsFile ${at('known_hosts')}`,
    '  GlobalKnownHostsFile /dev/null',
    '  StrictHostKeyChecking yes',
    '',
  ].join('\n');
}
