/**
 * `npm run proxy-peers`: real proxies that send PROXY headers stand in front of our node, of HTTP in the clear and inside
 * TLS, and the client that they name must be the one in x-forwarded-for and in the access log. Envoy is in
 * e2e/passthrough.test.ts. `npm run peers -- proxy-peers` brings Debian's haproxy, nginx, libnginx-mod-stream and curl.
 */
import http from 'node:http';
import https from 'node:https';
import { output } from '../real-servers/run-program.ts';
import { makeCertificate, secretYaml } from '../support/certificates.ts';
import { Cleanup, startBackend, startControlPlane, startDataPlane, waitFor } from '../support/fairlead.ts';
import { requirePeer } from '../support/peers.ts';
import { startHaproxy, startNginx } from './fronts.ts';

const listener = (name: string, more = ''): string =>
  `kind: Listener\nname: ${name}\nspec:\n  groups: edge\n  address: 127.0.0.1\n  port: 0\n` +
  `  proxyProtocol: { accept: required, trust: [127.0.0.0/8] }\n${more}`;

/** The header that the backend got. */
function forwardedFor(port: number, localAddress: string, secure: boolean): Promise<string> {
  const options = { port, host: '127.0.0.1', localAddress, agent: false, headers: { host: 'shop.example.com' } };
  return new Promise((resolve, reject) => {
    const onAnswer = (answer: http.IncomingMessage): void => {
      let body = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
      });
      answer.on('end', () => resolve(clientIn(body)));
    };
    const request = secure
      ? https.get({ ...options, rejectUnauthorized: false, servername: 'shop.example.com' }, onAnswer)
      : http.get(options, onAnswer);
    request.on('error', reject);
  });
}

function clientIn(body: string): string {
  return (JSON.parse(body) as { headers: Record<string, string> }).headers['x-forwarded-for'] ?? '';
}

async function main(cleanup: Cleanup, [haproxy, nginx, streamModule, curl]: readonly string[]): Promise<void> {
  const controlPlane = await startControlPlane(cleanup);
  const backend = await startBackend(cleanup, 'a');
  await controlPlane.apply(
    [
      'kind: NodeGroup\nname: edge\n',
      secretYaml('shop', makeCertificate({ hosts: ['shop.example.com'] })),
      listener('web'),
      listener('secure', '  protocol: https\n  tls: { certificates: [shop] }\n'),
      `kind: Cluster\nname: a\nspec: { endpoints: [{ address: 127.0.0.1, port: ${backend.port} }] }\n`,
      'kind: Route\nname: all\nspec: { hosts: ["*"], to: [{ cluster: a }] }\n',
    ].join('---\n'),
  );
  const node = await startDataPlane(cleanup, controlPlane, 'edge', 'edge-1');
  let clients = 0;
  const check = async (what: string, id: RegExp | null, ask: (client: string) => Promise<string>): Promise<void> => {
    const client = `127.0.7.${++clients}`;
    const told = await ask(client);
    if (told !== client) throw new Error(`${what}: x-forwarded-for is ${told} for ${client}`);
    const line = await waitFor(`the log line of ${client}`, () =>
      node.program
        .stdout()
        .split('\n')
        .find((one) => one.includes(`"client":"${client}:`)),
    );
    const { unique_id } = JSON.parse(line) as { unique_id: string | null };
    if (id === null ? unique_id !== null : !id.test(unique_id ?? ''))
      throw new Error(`${what}: the id is ${unique_id}`);
    console.log(`${what}: ${client}${unique_id === null ? '' : `, ${unique_id}`}`);
  };
  for (const secure of [false, true]) {
    const target = await node.port(secure ? 'secure' : 'web');
    const how = secure ? 'https' : 'http';
    const fronts = [
      ...(await startHaproxy(cleanup, haproxy!, target)),
      ...(await startNginx(cleanup, nginx!, streamModule!, target)),
    ];
    for (const { name, port, id } of fronts) {
      await check(`${name}, ${how}`, id, (client) => forwardedFor(port, client, secure));
    }
    await check(`curl --haproxy-protocol, ${how}`, null, async (client) => {
      const args = ['-sk', '--max-time', '10', '--haproxy-protocol', '--interface', client];
      return clientIn((await output(curl!, [...args, `${how}://127.0.0.1:${target}/`])).toString());
    });
  }
}

const peers = (['haproxy', 'nginx', 'nginx-stream', 'curl'] as const).map((name) => requirePeer(name));
if (peers.some((one) => one === undefined)) process.exit(1);
const cleanup = new Cleanup();
try {
  await main(cleanup, peers as string[]);
} finally {
  await cleanup.run();
}
