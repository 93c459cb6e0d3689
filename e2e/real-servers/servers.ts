/** Servers of Debian's packages, each on a free port of 127.0.0.1 with a folder of its own. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { type Cleanup, temporaryFolder, waitFor } from '../support/fairlead.ts';
import { freePort } from '../support/ports.ts';
import { unprivilegedAccount } from '../support/postgres-binaries.ts';

export interface RunningServer {
  readonly port: number;
  readonly folder: string;
}

/** @param args of the program, whose port and folder they name */
async function start(
  cleanup: Cleanup,
  program: string,
  args: (server: RunningServer) => readonly string[],
  account: { uid?: number; gid?: number } = {},
): Promise<RunningServer> {
  const server = { port: await freePort(), folder: await temporaryFolder(cleanup) };
  if (account.uid !== undefined) chownSync(server.folder, account.uid, account.gid!);
  chmodSync(server.folder, 0o755);
  let said = '';
  const child: ChildProcess = spawn(program, args(server), {
    cwd: server.folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...account,
  });
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (chunk) => (said += chunk));
  const gone = once(child, 'exit');
  cleanup.add(async () => {
    child.kill('SIGKILL');
    await gone;
  });
  await waitFor(program, async () => {
    if (child.exitCode !== null) throw new Error(`${program} ended:\n${said}`);
    const socket = net.connect(server.port, '127.0.0.1');
    const connected = await once(socket, 'connect').then(
      () => true as const,
      () => undefined,
    );
    socket.destroy();
    return connected;
  });
  return server;
}

export function startRedis(cleanup: Cleanup): Promise<RunningServer> {
  return start(cleanup, 'redis-server', ({ port, folder }) => [
    ...['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no'],
  ]);
}

export function startMosquitto(cleanup: Cleanup): Promise<RunningServer> {
  return start(cleanup, 'mosquitto', ({ port, folder }) => {
    const file = path.join(folder, 'mosquitto.conf');
    writeFileSync(file, `listener ${port} 127.0.0.1\nallow_anonymous true\nuser root\n`);
    return ['-c', file];
  });
}

export function startMariadb(cleanup: Cleanup): Promise<RunningServer> {
  const { uid, gid } = unprivilegedAccount() ?? {};
  const account = uid === undefined ? {} : { uid, gid: gid! };
  return start(
    cleanup,
    'mariadbd',
    ({ port, folder }) => {
      const data = path.join(folder, 'data');
      const made = spawnSync(
        'mariadb-install-db',
        ['--no-defaults', `--datadir=${data}`, '--auth-root-authentication-method=normal', '--skip-test-db'],
        { encoding: 'utf8', ...account },
      );
      if (made.status !== 0) throw new Error(`mariadb-install-db: ${made.stderr}${made.stdout}`);
      return [
        ...['--no-defaults', `--datadir=${data}`, `--port=${port}`, '--bind-address=127.0.0.1'],
        ...[`--socket=${folder}/socket`, `--pid-file=${folder}/pid`, '--skip-log-bin', '--max-allowed-packet=256M'],
      ];
    },
    account,
  );
}

/** Answers `hNUMBER.real.test` with 10.x.y.z, and `large.real.test` with a text too long for a small datagram. */
export function startDnsmasq(cleanup: Cleanup): Promise<RunningServer> {
  return start(cleanup, 'dnsmasq', ({ port, folder }) => {
    const file = path.join(folder, 'hosts');
    const lines = Array.from({ length: 1_000 }, (_, i) => `10.0.${i >> 8}.${i & 255} h${i}.real.test`);
    writeFileSync(file, `${lines.join('\n')}\n`);
    const large = Array.from({ length: 12 }, (_, i) => `--txt-record=large.real.test,${`${i}`.padEnd(200, 'x')}`);
    return [
      ...['--no-daemon', '--no-resolv', '--no-hosts', `--addn-hosts=${file}`, '--user=root'],
      ...[`--port=${port}`, '--listen-address=127.0.0.1', '--bind-interfaces', ...large],
    ];
  });
}
