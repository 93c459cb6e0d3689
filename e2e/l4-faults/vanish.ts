/** Peers that are gone without a word: a client in a network namespace of its own, whose link is cut. Needs root and iproute2. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { ip } from '../kernel/namespaces.ts';
import { type Cleanup, startControlPlane, startDataPlane, waitFor } from '../support/fairlead.ts';
import { startEndpoint } from './peers.ts';

const namespace = 'fairlead-vanish';
const [link, peer] = ['flvanish0', 'flvanish1'];
const [here, there] = ['10.197.1.1', '10.197.1.2'];
const clients = 20;
const idleMs = 3_000;

const client = `
const net = require('node:net');
let answered = 0;
for (let i = 0; i < ${clients}; i++) {
  const socket = net.connect(Number(process.argv[1]), '${here}');
  socket.on('error', () => {});
  socket.write('x');
  socket.on('data', () => { if (++answered === ${clients}) console.log('all'); });
}
setInterval(() => {}, 1000);`;

export async function inNamespace(cleanup: Cleanup): Promise<string> {
  if (process.getuid?.() !== 0 || spawnSync('ip', ['netns'], { stdio: 'ignore' }).status !== 0) {
    return '(peers that vanish: not tried; it takes root and iproute2)';
  }
  spawnSync('ip', ['netns', 'delete', namespace], { stdio: 'ignore' });
  ip('netns', 'add', namespace);
  cleanup.add(() => void spawnSync('ip', ['netns', 'delete', namespace], { stdio: 'ignore' }));
  ip('link', 'add', link!, 'type', 'veth', 'peer', 'name', peer!, 'netns', namespace);
  ip('addr', 'add', `${here}/30`, 'dev', link!);
  ip('link', 'set', link!, 'up');
  ip('-n', namespace, 'addr', 'add', `${there}/30`, 'dev', peer!);
  ip('-n', namespace, 'link', 'set', peer!, 'up');

  const endpoint = await startEndpoint(cleanup);
  const controlPlane = await startControlPlane(cleanup);
  await controlPlane.apply(`kind: NodeGroup
name: front
spec: { tier: l4 }
---
kind: Listener
name: front
spec: { groups: [front], address: ${here}, port: 0, protocol: tcp }
---
kind: L4Route
name: front
spec: { listener: front, to: [{ cluster: endpoint }], idleTimeout: ${idleMs}ms }
---
kind: Cluster
name: endpoint
spec: { protocol: tcp, endpoints: [{ address: 127.0.0.1, port: ${endpoint.port} }] }
`);
  const node = await startDataPlane(cleanup, controlPlane, 'front', 'front-vanish');
  const descriptors = (): number => readdirSync(`/proc/${node.program.child.pid}/fd`).length;
  const before = descriptors();
  const port = await node.port('front');
  const program = spawn('ip', ['netns', 'exec', namespace, process.execPath, '-e', client, `${port}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  cleanup.add(() => void program.kill('SIGKILL'));
  await once(program.stdout!, 'data');
  ip('link', 'set', link!, 'down');
  const cutMs = performance.now();
  await waitFor('their connections to end', () => (descriptors() <= before ? true : undefined), 30_000);
  const tookMs = performance.now() - cutMs;
  await waitFor('the endpoint to be told', () => (endpoint.sockets.size === 0 ? true : undefined));
  return `${clients} clients that vanished were given up ${(tookMs / 1000).toFixed(1)} s later, the idle timeout being ${idleMs / 1000} s`;
}
