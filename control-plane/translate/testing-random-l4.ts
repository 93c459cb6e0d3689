/** For tests: random documents below HTTP, odd and often wrong, of which those count that a write would take. */
import { checkDocument } from '../model/check.ts';
import type { Change } from '../model/document.ts';
import { MemoryDocumentSet } from '../model/memory-set.ts';
import { stored } from '../model/testing.ts';
import { checkChanges } from '../model/world.ts';

const long = `${'a'.repeat(63)}.`;
const serverNames = [
  ...['a.example.com', 'A.Example.com', '*.example.com', '*.a.example.com', 'x', '*.x', 'xn--bcher-kva.example'],
  ...[
    '_srv.example.com',
    '10.example.com',
    '*.10',
    '1.2.3.4',
    `${long.repeat(3)}${'b'.repeat(61)}`,
    `*.${long.repeat(3)}b`,
  ],
];
const alpn = ['h2', 'http/1.1', 'postgresql', '%41', '"', '\\', '*', 'x'.repeat(255), '-', '{}'];
const ranges = [
  ...['0.0.0.0/0', '10.0.0.0/8', '10.1.0.0/16', '10.1.2.3', '255.255.255.255/32', '128.0.0.0/1'],
  ...['::/0', '::1', 'fd00::/8', '::ffff:10.0.0.0/104', '::ffff:0:0/96', '2001:db8::/33', 'fe80::1/128', '::/1'],
];
const hashes = ['source', 'five-tuple', 'destination-port', 'authority'];
const wrong = [
  { serverNames: '1.2.3.4' },
  { alpn: '\u00e4' },
  { sources: '10.1.2.3/8' },
  { listener: 'nowhere' },
  { to: [] },
];
const policies = ['round-robin', 'random', 'least-request', 'ring-hash', 'maglev', 'utilization'];

/** Documents of the group `edge`, written one by one; `rounds` listeners, with up to five routes each. */
export function randomL4(random: () => number, rounds: number): MemoryDocumentSet {
  const set = new MemoryDocumentSet();
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const some = <T>(list: readonly T[], share: number): T[] => list.filter(() => random() < share);
  const maybe = (fields: Readonly<Record<string, unknown>>) =>
    Object.fromEntries(Object.entries(fields).filter(() => random() < 0.3));
  const write = (input: object): void => {
    const checked = checkDocument(JSON.parse(JSON.stringify(input)));
    if (!checked.ok) return;
    const { kind, name } = checked.value;
    const change: Change = { key: { kind, name }, document: checked.value };
    if (checkChanges(set, [change]).length > 0) return;
    const revision = set.revision + 1;
    set.apply(revision, [{ key: change.key, document: stored(checked.value, revision) }]);
  };
  write({ kind: 'NodeGroup', name: 'edge' });
  for (let round = 0; round < rounds; round++) {
    const protocol = pick(['tcp', 'tls-passthrough', 'udp']);
    const header = { accept: pick(['off', 'optional', 'required']), trust: some(ranges, 0.2) };
    const address = pick(['127.0.0.1', '::1', '0.0.0.0']);
    const spec = { groups: 'edge', port: 0, protocol, address, ...maybe({ proxyProtocol: header, accessLog: 'off' }) };
    write({ kind: 'Listener', name: `l${round}`, spec });
    for (let number = 0; number < 2; number++) {
      const endpoints = some([1, 2, 3], 0.6).map((port) => ({ address: pick(['127.0.0.1', '::1']), port }));
      const more = maybe({ proxyProtocol: pick(['v1', 'v2']), connectTimeout: '1s' });
      const speaks = pick([protocol === 'udp' ? 'udp' : 'tcp', 'http1']);
      const balance = { policy: pick(policies) };
      write({ kind: 'Cluster', name: `c${round}-${number}`, spec: { endpoints, protocol: speaks, balance, ...more } });
    }
    for (let number = 0; number < 5; number++) {
      const to = some([0, 1], 0.6).map((cluster) => ({ cluster: `c${round}-${cluster}`, weight: pick([0, 1, 9]) }));
      // mostly what the protocol knows, sometimes what it does not
      const knows = (wanted: string) => protocol === wanted || random() < 0.05;
      const spec = {
        ...{ listener: `l${round}`, to: knows('udp') ? to.slice(0, 1) : to },
        ...(knows('tls-passthrough') && maybe({ serverNames: some(serverNames, 0.2) })),
        ...(knows('tls-passthrough') && maybe({ alpn: some(alpn, 0.15) })),
        ...maybe({ sources: some(ranges, 0.15), idleTimeout: pick(['0s', '5m']), hash: pick(hashes) }),
        ...(random() < 0.2 && { datapath: pick(['user', 'kernel', 'auto']) }),
        ...(knows('udp') && random() < 0.2 && { perPacket: true }),
      };
      write({
        kind: 'L4Route',
        name: `r${round}-${number}`,
        spec: random() < 0.05 ? { ...spec, ...pick(wrong) } : spec,
      });
    }
  }
  return set;
}
