// Accounting for a cluster under test: slurmdbd over a MariaDB that has nothing but what slurmdbd makes in it.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { installSystemPackages } from '../../scripts/systemPackages.ts';
import { endProcess, freePort, patiently } from './processes.ts';

const DAEMONS = ['/usr/sbin/mariadbd', '/usr/sbin/slurmdbd'];
const SMALL = ['--innodb-buffer-pool-size=16M', '--innodb-log-file-size=4M', '--skip-name-resolve'];

export interface Accounting {
  /** Lines for slurm.conf. */
  readonly configuration: readonly string[];
  stop(): Promise<void>;
}

/**
 * @param parent folder of the cluster
 * @param munge  socket
 * @returns with the cluster known to it; or why there is none on this machine
 */
export async function startAccounting(cluster: string, parent: string, munge: string): Promise<Accounting | string> {
  if (!DAEMONS.every(existsSync)) {
    const failure = installSystemPackages('mariadb-server-core', 'slurmdbd');
    if (failure !== null) return `accounting: ${failure}`;
  }
  const folder = join(parent, 'accounting');
  const at = (name: string): string => join(folder, name);
  mkdirSync(at('database'), { recursive: true });
  const [port, databasePort] = [await freePort(), await freePort()];
  const configuration = [
    'AccountingStorageType=accounting_storage/slurmdbd',
    'AccountingStorageHost=127.0.0.1',
    `AccountingStoragePort=${port}`,
    // slurm.conf(5): the socket of munged, if it is not the machine's.
    `AccountingStoragePass=${munge}`,
  ];
  const client = [`ClusterName=${cluster}`, `SlurmctldHost=${hostname()}`, 'SlurmUser=root', 'AuthType=auth/munge'];
  writeLines(at('slurm.conf'), [...client, `AuthInfo=socket=${munge}`, ...configuration]);
  // slurmdbd ends the one its pid file names: another test's, were it at the usual place.
  writeLines(at('slurmdbd.conf'), [`PidFile=${at('slurmdbd.pid')}`, ...database(munge, port, databasePort)]);
  const environment = { ...process.env, SLURM_CONF: at('slurm.conf') };
  const daemons: ChildProcess[] = [];
  const stop = async (): Promise<void> => {
    for (const { pid } of daemons.toReversed()) await endProcess(pid ?? 0);
  };
  const start = async (program: string, args: readonly string[], ready: () => boolean): Promise<void> => {
    const log = openSync(at(`${program}.log`), 'a');
    daemons.push(spawn(program, args, { stdio: ['ignore', log, log], env: environment }));
    if (await patiently(ready)) return;
    await stop();
    throw new Error(`${program} does not start: ${readFileSync(at(`${program}.log`), 'utf8').slice(-500)}`);
  };
  try {
    await start('mariadbd', mariadb(at, databasePort), () =>
      readFileSync(at('mariadbd.log'), 'utf8').includes('ready for connections'),
    );
    const register = ['--immediate', 'add', 'cluster', cluster];
    await start('slurmdbd', ['-D'], () => spawnSync('sacctmgr', register, { env: environment }).status === 0);
    return { configuration, stop };
  } catch (error) {
    return `accounting: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** No users and no system tables: whoever is on this machine may read how tasks of tests ended. */
function mariadb(at: (name: string) => string, port: number): string[] {
  const own = [`--datadir=${at('database')}`, `--socket=${at('database.socket')}`, `--pid-file=${at('database.pid')}`];
  return [
    '--no-defaults',
    ...own,
    '--bind-address=127.0.0.1',
    `--port=${port}`,
    '--skip-grant-tables',
    '--user=root',
    ...SMALL,
  ];
}

function database(munge: string, port: number, databasePort: number): string[] {
  return [
    'AuthType=auth/munge',
    `AuthInfo=socket=${munge}`,
    'DbdHost=localhost',
    'DbdAddr=127.0.0.1',
    `DbdPort=${port}`,
    'SlurmUser=root',
    'StorageType=accounting_storage/mysql',
    'StorageHost=127.0.0.1',
    `StoragePort=${databasePort}`,
    'StorageUser=root',
    'StorageLoc=slurm',
  ];
}

/** slurmdbd reads no configuration that others may. */
function writeLines(path: string, lines: readonly string[]): void {
  writeFileSync(path, `${lines.join('\n')}\n`, { mode: 0o600 });
}
