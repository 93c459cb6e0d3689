/** Proxies that put PROXY headers in front of what they forward: each takes TCP connections on a port of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import net from 'node:net';
import { type Cleanup, temporaryFolder, waitFor } from '../support/fairlead.ts';
import { freePort } from '../support/ports.ts';

export interface Front {
  readonly name: string;
  readonly port: number;
  /** It gives each connection an id like this one. */
  readonly id: RegExp | null;
}

async function start(cleanup: Cleanup, program: string, args: readonly string[], ports: readonly number[]) {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  cleanup.add(async () => {
    child.kill();
    if (child.exitCode === null) await once(child, 'exit');
  });
  for (const port of ports) {
    await waitFor(`${program} on ${port}`, async () => {
      if (child.exitCode !== null) throw new Error(`${program} ended with ${child.exitCode}`);
      const socket = net.connect(port, '127.0.0.1');
      const connected = await once(socket, 'connect').catch(() => undefined);
      socket.destroy();
      return connected === undefined ? undefined : true;
    });
  }
}

const haproxyVersions = [
  { name: 'HAProxy, send-proxy', words: 'send-proxy', id: null },
  { name: 'HAProxy, send-proxy-v2', words: 'send-proxy-v2', id: null },
  {
    name: 'HAProxy, send-proxy-v2 with unique-id and crc32c',
    words: 'send-proxy-v2 proxy-v2-options unique-id,crc32c',
    id: /^haproxy-[0-9A-F]+-[0-9A-F]+$/,
  },
];

export async function startHaproxy(cleanup: Cleanup, program: string, target: number): Promise<Front[]> {
  const file = `${await temporaryFolder(cleanup)}/haproxy.cfg`;
  const fronts = await Promise.all(haproxyVersions.map(async (one) => ({ ...one, port: await freePort() })));
  const sections = fronts.map(
    ({ port, words }, index) =>
      `frontend f${index}\n bind 127.0.0.1:${port}\n unique-id-format haproxy-%{+X}Ts-%{+X}cp\n default_backend b${index}\n` +
      `backend b${index}\n server s 127.0.0.1:${target} ${words}\n`,
  );
  const defaults = 'defaults\n mode tcp\n timeout connect 5s\n timeout client 30s\n timeout server 30s\n';
  await writeFile(file, defaults + sections.join(''));
  const ports = fronts.map(({ port }) => port);
  await start(cleanup, program, ['-db', '-f', file], ports);
  return fronts;
}

export async function startNginx(
  cleanup: Cleanup,
  program: string,
  streamModule: string,
  target: number,
): Promise<Front[]> {
  const folder = await temporaryFolder(cleanup);
  const port = await freePort();
  await writeFile(
    `${folder}/nginx.conf`,
    `load_module ${streamModule}; daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log;
    events {} stream { server { listen 127.0.0.1:${port}; proxy_pass 127.0.0.1:${target}; proxy_protocol on; } }`,
  );
  await start(cleanup, program, ['-c', `${folder}/nginx.conf`, '-p', folder], [port]);
  return [{ name: 'nginx stream, proxy_protocol', port, id: null }];
}
