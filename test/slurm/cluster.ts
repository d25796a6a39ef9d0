// A real Slurm on this one machine: munged, slurmctld and slurmd with a configuration of their own and two pretend GPUs.

import { execFileSync, type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { installSystemPackages } from '../../scripts/systemPackages.ts';
import { type Accounting, startAccounting } from './accounting.ts';
import { endProcess, freePort, PATIENCE_MS, patiently, removeFolder } from './processes.ts';

const DAEMONS = ['/usr/sbin/munged', '/usr/sbin/slurmctld', '/usr/sbin/slurmd'];
const NAME = 'quantscope-test';

export interface Cluster extends AsyncDisposable {
  /** For processes that call sbatch, squeue, scancel. */
  readonly environment: NodeJS.ProcessEnv;
  /** Jobs and their output lie here, on the file system all "nodes" share. */
  readonly folder: string;
  /** Why sacct has nothing to tell; null when it has. */
  readonly withoutAccounting: string | null;
  slurm(command: string, ...args: string[]): SpawnSyncReturns<string>;
  stopController(): Promise<void>;
  startController(): Promise<void>;
}

/**
 * @param wanted with accounting, where this machine can
 * @returns the running cluster, or why there is none on this machine
 */
export async function startCluster(wanted: { accounting?: boolean } = {}): Promise<Cluster | string> {
  if (process.getuid?.() !== 0) return 'Slurm: its daemons are started as root only';
  if (!DAEMONS.every(existsSync)) {
    const failure = installSystemPackages('slurm-wlm', 'munge');
    if (failure !== null) return `Slurm: ${failure}`;
  }
  const folder = mkdtempSync(join(tmpdir(), 'quantscope-slurm-'));
  const at = (name: string): string => join(folder, name);
  for (const name of ['state', 'spool', 'shared']) mkdirSync(at(name));
  const environment = { ...process.env, SLURM_CONF: at('slurm.conf') };
  const munge = startMunge(folder);
  // Daemons that find no munge give up.
  if (!(await patiently(() => existsSync(munge.socket)))) {
    await endProcess(munge.pid);
    removeFolder(folder);
    return 'Slurm: munged does not start';
  }
  const accounting = wanted.accounting ? await startAccounting(NAME, folder, munge.socket) : 'not asked for';
  writeFileSync(at('slurm.conf'), await configuration(folder, munge.socket, accounting));
  writeFileSync(at('gres.conf'), gpus());
  const controller = (): void => void execFileSync('slurmctld', ['-f', at('slurm.conf')], { env: environment });
  const slurm = (command: string, ...args: string[]): SpawnSyncReturns<string> =>
    spawnSync(command, args, { encoding: 'utf8', env: environment, cwd: at('shared') });
  const stop = async (pidFile: string): Promise<void> => {
    if (existsSync(pidFile)) await endProcess(Number(readFileSync(pidFile, 'utf8')));
  };
  const cluster: Cluster = {
    environment,
    folder: at('shared'),
    withoutAccounting: typeof accounting === 'string' ? accounting : null,
    slurm,
    stopController: () => stop(at('slurmctld.pid')),
    async startController() {
      controller();
      await ready(slurm, at('slurmctld.log'));
    },
    async [Symbol.asyncDispose]() {
      slurm('scancel', '--user=root');
      // Without their slurmd, tasks would go on.
      await patiently(() => slurm('squeue', '--noheader').stdout.trim() === '');
      await stop(at('slurmd.pid'));
      await stop(at('slurmctld.pid'));
      if (typeof accounting !== 'string') await accounting.stop();
      await endProcess(munge.pid);
      removeFolder(folder);
    },
  };
  try {
    controller();
    execFileSync('slurmd', ['-f', at('slurm.conf')], { env: environment });
    await ready(slurm, at('slurmctld.log'));
    return cluster;
  } catch (error) {
    const log = existsSync(at('slurmctld.log')) ? readFileSync(at('slurmctld.log'), 'utf8').slice(-1000) : '';
    await cluster[Symbol.asyncDispose]();
    return `Slurm does not start: ${error instanceof Error ? error.message : String(error)}\n${log}`;
  }
}

/** With a key and a socket of its own, so that a cluster already on the machine is left alone. */
function startMunge(folder: string): { socket: string; pid: number } {
  const at = (name: string): string => join(folder, name);
  writeFileSync(at('munge.key'), randomBytes(128), { mode: 0o600 });
  const socket = at('munge.socket');
  const files = [`--key-file=${at('munge.key')}`, `--log-file=${at('munge.log')}`, `--pid-file=${at('munge.pid')}`];
  const daemon = spawn(
    'munged',
    ['--foreground', '--force', `--socket=${socket}`, `--seed-file=${at('munge.seed')}`, ...files],
    { stdio: 'ignore' },
  );
  daemon.unref();
  return { socket, pid: daemon.pid ?? 0 };
}

async function configuration(folder: string, socket: string, accounting: Accounting | string): Promise<string> {
  const [controllerPort, nodePort] = [await freePort(), await freePort()];
  const at = (name: string): string => join(folder, name);
  const host = hostname();
  return [
    `ClusterName=${NAME}`,
    `SlurmctldHost=${host}(127.0.0.1)`,
    `SlurmctldPort=${controllerPort}`,
    `SlurmdPort=${nodePort}`,
    'SlurmUser=root',
    'AuthType=auth/munge',
    `AuthInfo=socket=${socket}`,
    'CredType=cred/munge',
    `StateSaveLocation=${at('state')}`,
    `SlurmdSpoolDir=${at('spool')}`,
    `SlurmctldPidFile=${at('slurmctld.pid')}`,
    `SlurmdPidFile=${at('slurmd.pid')}`,
    `SlurmctldLogFile=${at('slurmctld.log')}`,
    `SlurmdLogFile=${at('slurmd.log')}`,
    'ProctrackType=proctrack/linuxproc',
    'TaskPlugin=task/none',
    'SelectType=select/cons_tres',
    'SelectTypeParameters=CR_Core',
    'SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0',
    ...(typeof accounting === 'string' ? ['AccountingStorageType=accounting_storage/none'] : accounting.configuration),
    'JobAcctGatherType=jobacct_gather/none',
    'JobRequeue=1',
    'KillWait=5',
    'MinJobAge=300',
    // A machine that everybody uses is slow, not broken.
    'MessageTimeout=30',
    'TCPTimeout=30',
    'BatchStartTimeout=120',
    'ReturnToService=2',
    'SwitchType=switch/none',
    'MpiDefault=none',
    'GresTypes=gpu',
    // Two slots even where the machine has a single core.
    'SlurmdParameters=config_overrides',
    `NodeName=${host} NodeAddr=127.0.0.1 CPUs=2 Gres=gpu:2 State=UNKNOWN`,
    `PartitionName=test Nodes=${host} Default=YES MaxTime=60 State=UP`,
    '',
  ].join('\n');
}

/** Device files that exist everywhere stand for the GPUs: Slurm only counts and hands them out. */
function gpus(): string {
  return ['/dev/null', '/dev/zero'].map((file) => `NodeName=${hostname()} Name=gpu File=${file} Count=1\n`).join('');
}

async function ready(slurm: Cluster['slurm'], log: string): Promise<void> {
  const up = await patiently(() => /idle|mixed|allocated/.test(slurm('sinfo', '--noheader', '--format=%T').stdout));
  if (!up) throw new Error(`the node is not idle after ${PATIENCE_MS / 1000} s (${log})`);
}
