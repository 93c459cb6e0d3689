/** `npm run max-fails`: what nginx does by `max_fails=3 fail_timeout=1s`; e2e/passive-health.test.ts has our node do it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import net from 'node:net';
import { Cleanup, request, temporaryFolder, waitFor } from '../support/fairlead.ts';
import { requirePeer } from '../support/peers.ts';
import { freePort } from '../support/ports.ts';
import { type Endpoint, startEndpoint } from './endpoint.ts';
import { fares, requestsOfEight } from './fares.ts';

async function startNginx(cleanup: Cleanup, program: string, endpoints: readonly Endpoint[]): Promise<number> {
  const folder = await temporaryFolder(cleanup);
  const port = await freePort();
  const servers = endpoints.map(({ key }) => `server ${key} max_fails=3 fail_timeout=1s;`);
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (one) => `${one}_temp_path ${folder}/${one};`,
  );
  await writeFile(
    `${folder}/nginx.conf`,
    `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log; events {}
    http { access_log off; ${folders.join(' ')}
      upstream u { zone z 64k; ${servers.join(' ')} }
      server { listen 127.0.0.1:${port}; location / { proxy_pass http://u; } } }`,
  );
  const child = spawn(program, ['-c', `${folder}/nginx.conf`, '-p', folder], { stdio: 'ignore' });
  cleanup.add(() => void child.kill());
  await waitFor('nginx', async () => {
    const socket = net.connect(port, '127.0.0.1');
    const connected = await Promise.race([once(socket, 'connect'), once(socket, 'error')]).catch(() => null);
    socket.destroy();
    return connected === null ? undefined : true;
  });
  return port;
}

const program = requirePeer('nginx');
if (program === undefined) process.exit(1);
const cleanup = new Cleanup();
try {
  const failing = await startEndpoint(cleanup, 'reset');
  const port = await startNginx(cleanup, program, [failing, await startEndpoint(cleanup)]);
  const send = (): Promise<number> => request(port, {}).then(({ status }) => status);
  const first = await requestsOfEight(failing, send);
  const [out, outAgain] = await fares(failing, send);
  const back = await requestsOfEight(failing, send);
  console.log(`of eight requests the endpoint that fails gets ${first}, and is out after that`);
  console.log(
    `while it is out: ${out.got}; after a trial that failed: ${outAgain.got}; after one that went well: ${back}`,
  );
  if (first !== 3 || out.got > out.atMost || outAgain.got > outAgain.atMost || back !== 4) process.exitCode = 1;
} finally {
  await cleanup.run();
}
