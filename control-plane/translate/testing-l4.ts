/** Every form of a listener below HTTP, for whoever has to take it: a real Envoy, our own nodes. */
import type { Typed } from '../model/specs.ts';
import { typed } from './testing.ts';

type Written = Readonly<Record<string, unknown>>;

const proxyProtocol = { accept: 'optional', trust: ['0.0.0.0/0', '::/0', '10.0.0.0/8'] };
const conditions = { serverNames: ['a.b', '*.a.b'], alpn: ['h2', 'x'], sources: ['10.0.0.0/8', '::1', '::/0'] };

/** Listeners, each with the L4Routes that stand on it. */
const l4: readonly (readonly [listener: Written, ...routes: Written[]])[] = [
  [{ protocol: 'tcp' }, {}],
  [{ protocol: 'tcp', proxyProtocol }, { hash: 'authority' }, { sources: '10.0.0.0/8', hash: 'five-tuple' }],
  [{ protocol: 'tcp' }, { sources: '0.0.0.0/0', hash: 'destination-port' }, { sources: '::/0' }],
  [{ protocol: 'tls-passthrough' }, { hash: 'authority' }],
  [{ protocol: 'tls-passthrough', proxyProtocol }, conditions, { ...conditions, alpn: [] }, { alpn: 'x' }, {}],
  [{ protocol: 'tls-passthrough', proxyProtocol: { ...proxyProtocol, accept: 'required' } }, conditions, {}],
  [{ protocol: 'udp' }, { perPacket: true, hash: 'destination-port', idleTimeout: '0s' }],
  [{ protocol: 'udp' }, { sources: ['10.0.0.0/8', 'fd00::/8'] }, { sources: ['10.1.0.0/16'] }, {}],
  [
    { protocol: 'udp', address: '::1' },
    { sources: ['::1'], hash: 'five-tuple' },
  ],
];

/** As documents of the group `edge`. */
export function l4Forms(): Typed[] {
  const endpoints = [{ address: '127.0.0.1', port: 1 }];
  const listeners = l4.flatMap(([listener, ...routes], index): Typed[] => [
    typed('Listener', `l${index}`, listener),
    ...routes.map((route, number) => {
      const cluster = listener['protocol'] === 'udp' ? 'udp' : number % 2 === 0 ? 'tcp' : 'headers';
      return typed('L4Route', `r${index}-${number}`, { listener: `l${index}`, to: { cluster }, ...route });
    }),
  ]);
  return [
    typed('Cluster', 'tcp', { endpoints, protocol: 'tcp', proxyProtocol: 'v1' }),
    typed('Cluster', 'headers', { endpoints, protocol: 'tcp', proxyProtocol: 'v2', balance: { policy: 'maglev' } }),
    typed('Cluster', 'udp', { endpoints, protocol: 'udp', balance: { policy: 'ring-hash' } }),
    ...listeners,
  ];
}
