/** The chains of one listener, at our node and at an Envoy: whoever comes gets the same one, save by hellos that we refuse. */
import net from 'node:net';
import { afterAll, expect, test } from 'vitest';
import { extension, hello, helloMessage, names, protocols, records } from '../data-plane/codec/testing-hello.ts';
import { startNamedEndpoint, startTcpListener } from '../data-plane/listener/testing.ts';
import type { ChainMatchConfig } from '../data-plane/model/config.ts';
import { startEnvoy } from './support/envoy.ts';
import { Cleanup } from './support/fairlead.ts';
import { requirePeer } from './support/peers.ts';

const here = requirePeer('envoy');
const cleanup = new Cleanup();
afterAll(() => cleanup.run());

const chains: Readonly<Record<string, Partial<ChainMatchConfig>>> = {
  exact: { serverNames: ['a.example.com'] },
  suffix: { serverNames: ['*.example.com'] },
  longer: { serverNames: ['*.b.example.com'] },
  'near and h2': { serverNames: ['near'], alpn: ['h2'] },
  near: { serverNames: ['near'], sources: ['127.0.8.0/24'] },
  nearest: { serverNames: ['near'], sources: ['127.0.8.8/32'] },
  'tls, h2': { transport: 'tls', alpn: ['h2'] },
  'tls, http': { transport: 'tls', alpn: ['http/1.1', 'http/1.0'] },
  tls: { transport: 'tls' },
  'raw, near': { transport: 'raw_buffer', sources: ['127.0.8.0/24'] },
  'raw, direct': { transport: 'raw_buffer', directSources: ['127.0.9.0/24'] },
};

const range = (text: string) => {
  const [address_prefix, bits] = text.split('/');
  return { address_prefix, prefix_len: Number(bits) };
};
const listed = (name: string, values: readonly unknown[] = []) => (values.length === 0 ? {} : { [name]: values });
const config = (type: string, rest: object) => ({ '@type': `type.googleapis.com/${type}`, ...rest });

function envoyChain(name: string, match: Partial<ChainMatchConfig> | null) {
  const type = 'envoy.extensions.filters.network.direct_response.v3.Config';
  return {
    filters: [{ name: 'says', typed_config: config(type, { response: { inline_string: name } }) }],
    ...(match !== null && {
      filter_chain_match: {
        ...listed('server_names', match.serverNames),
        ...listed('application_protocols', match.alpn),
        ...(match.transport && { transport_protocol: match.transport }),
        ...listed('source_prefix_ranges', match.sources?.map(range)),
        ...listed('direct_source_prefix_ranges', match.directSources?.map(range)),
      },
    }),
  };
}

async function startTheirs(): Promise<number> {
  const inspector = config('envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector', {});
  const listener = {
    name: 'l',
    address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
    listener_filters: [{ name: 'envoy.filters.listener.tls_inspector', typed_config: inspector }],
    filter_chains: Object.entries(chains).map(([name, match]) => envoyChain(name, match)),
    default_filter_chain: envoyChain('default', null),
  };
  const envoy = await startEnvoy({ bootstrap: { static_resources: { listeners: [listener] } } });
  cleanup.add(() => envoy.stop());
  return envoy.listenerPort('l');
}

async function startOurs(): Promise<number> {
  const all = [...Object.keys(chains), 'default'];
  const endpoints = await Promise.all(all.map(async (name) => ({ name, ...(await startNamedEndpoint(name)) })));
  const ports = Object.fromEntries(endpoints.map(({ name, port }) => [name, port]));
  const listener = await startTcpListener({ chains, otherwise: 'default', inspectTls: true, endpoints: ports });
  for (const endpoint of endpoints) cleanup.add(() => endpoint.stop());
  cleanup.add(() => listener.stop());
  return listener.port;
}

/** The name of the chain; `closed`. */
function askFrom(port: number, localAddress: string, bytes: Buffer): Promise<string> {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: '127.0.0.1', localAddress });
    socket.on('data', (chunk) => {
      const text = chunk.toString('latin1');
      const end = text.indexOf(':');
      resolve(end < 0 ? text : text.slice(0, end));
      socket.destroy();
    });
    socket.on('error', () => resolve('closed'));
    socket.on('close', () => resolve('closed'));
    socket.write(bytes);
  });
}

const request = Buffer.from('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
const longName = `${'a'.repeat(244)}.example.com`;

/** Who comes, from where, and what both say; or what Envoy says, and then ours. */
const cases: readonly (readonly [what: string, bytes: Buffer, from: string, said: string, ours?: string])[] = [
  ['a name', hello(names('a.example.com')), '127.0.0.1', 'exact'],
  ['in capitals', hello(names('A.Example.COM')), '127.0.0.1', 'exact'],
  ['with a dot behind it', hello(names('a.example.com.')), '127.0.0.1', 'tls'],
  ['a suffix', hello(names('x.example.com')), '127.0.0.1', 'suffix'],
  ['two labels in front of it', hello(names('x.y.example.com')), '127.0.0.1', 'suffix'],
  ['a longer suffix', hello(names('x.b.example.com')), '127.0.0.1', 'longer'],
  ['a suffix itself', hello(names('b.example.com')), '127.0.0.1', 'suffix'],
  ['the shortest itself', hello(names('example.com')), '127.0.0.1', 'tls'],
  ['nothing in front of it', hello(names('.example.com')), '127.0.0.1', 'suffix'],
  ['a name with a port', hello(names('a.example.com:443')), '127.0.0.1', 'tls'],
  ['an address for a name', hello(names('127.0.0.1')), '127.0.0.1', 'tls'],
  ['a name before a protocol', hello(names('a.example.com'), protocols('h2')), '127.0.0.1', 'exact'],
  ['a protocol', hello(protocols('h2', 'http/1.1')), '127.0.0.1', 'tls, h2'],
  ['the first that a chain has', hello(protocols('x', 'http/1.0', 'h2')), '127.0.0.1', 'tls, http'],
  ['no protocol that a chain has', hello(protocols('x')), '127.0.0.1', 'tls'],
  ['from near', hello(names('near')), '127.0.8.1', 'near'],
  ['from nearest', hello(names('near')), '127.0.8.8', 'nearest'],
  ['from near, by another protocol', hello(names('near'), protocols('h2')), '127.0.8.8', 'near and h2'],
  ['from far: no step is gone back on', hello(names('near')), '127.0.0.1', 'default'],
  ['no TLS, from near', request, '127.0.8.1', 'raw, near'],
  ['no TLS, from who connects itself', request, '127.0.9.1', 'raw, direct'],
  ['no TLS, from far', request, '127.0.0.1', 'default'],
  ['an alert first', Buffer.from([21, 3, 1, 0, 2, 2, 40]), '127.0.8.1', 'raw, near'],
  ['SSL 2.0', Buffer.concat([Buffer.from([0x80, 46, 1, 3, 1, 0, 21]), Buffer.alloc(41)]), '127.0.8.1', 'raw, near'],
  ['SSL 3.0', records(helloMessage({ version: 0x0300 })), '127.0.0.1', 'closed'],
  ['TLS 1.0', records(helloMessage({ version: 0x0301, extensions: null })), '127.0.0.1', 'tls'],
  ['records of one byte', records(helloMessage({ extensions: [names('a.example.com')] }), 1), '127.0.0.1', 'exact'],
  ['too large', hello(extension(21, Buffer.alloc(16_384))), '127.0.0.1', 'closed'],
  ['two names', hello(names('a.example.com', 'b.example.com')), '127.0.8.1', 'raw, near', 'closed'],
  ['an empty name', hello(names('')), '127.0.8.1', 'raw, near', 'closed'],
  ['256 bytes', hello(names(longName)), '127.0.8.1', 'raw, near', 'closed'],
  ['NUL inside', hello(names('a.example.com\0')), '127.0.8.1', 'raw, near', 'closed'],
  ['Unicode', hello(names(Buffer.from('\u00fc.example.com'))), '127.0.0.1', 'suffix', 'closed'],
  ['an empty protocol', hello(protocols('')), '127.0.0.1', 'tls', 'closed'],
  ['no hello', Buffer.from([22, 3, 3, 0, 4, 2, 0, 0, 0]), '127.0.8.1', 'raw, near', 'closed'],
];

test.skipIf(!here)('our node and Envoy give everybody the same chain, or the refusals that are written', async () => {
  const [theirs, ours] = await Promise.all([startTheirs(), startOurs()]);
  for (const [what, bytes, from, said, refused] of cases) {
    expect(await askFrom(theirs, from, bytes), `Envoy, ${what}`).toBe(said);
    expect(await askFrom(ours, from, bytes), `ours, ${what}`).toBe(refused ?? said);
  }
});
