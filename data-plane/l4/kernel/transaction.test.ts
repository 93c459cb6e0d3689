import { expect, test } from 'vitest';
import { nftName, tableOf } from './names.ts';
import { planOf } from './plan.ts';
import { readTable } from './read-back.ts';
import { type Service, type ServingCluster, type Table, type Wanted, wantedTable } from './ruleset.ts';
import { kernelCluster, kernelListener, listedTable, tcpProxyOf, udpChainOf } from './testing.ts';
import { nothing, transaction } from './transaction.ts';

const serving = (name: string, slots: string, all = slots): ServingCluster => {
  const of = (text: string) => [...text].map((digit) => ({ address: `10.0.0.${digit}`, port: 9000 }));
  return { name, endpoints: of([...new Set(all)].join('')), slots: of(slots) };
};
const clusters = (...all: readonly ServingCluster[]) => new Map(all.map((one) => [one.name, one]));
const clusterNames = ['c', 'd'].map((name) => kernelCluster(name));

function service(listener: Parameters<typeof kernelListener>[0]): Service {
  const config = kernelListener(listener);
  const plan = planOf(config, new Map(clusterNames.map((one) => [one.name, one])))!;
  return { plan, address: config.address, port: config.port };
}

const front = service({});
const wantedOf = (slots: string, all = slots): Wanted => wantedTable([front], clusters(serving('c', slots, all)));
const linesOf = (before: Table | null, wanted: Wanted): string[] =>
  transaction('t', before, wanted).trimEnd().split('\n');
const alive = ['flush set inet t alive', 'add element inet t alive { ipv4 timeout 60s, ipv6 timeout 60s }'];

test('the first transaction makes the table, its maps, rules and guard', () => {
  const text = transaction('t', null, wantedOf('1221'));
  expect(text.replace(/ comment "[0-9a-f]{12}"/g, '')).toBe(
    `add table inet t
add set inet t alive { type nf_proto; flags timeout; }
add ct timeout inet t idle-tcp4-60 { protocol tcp; l3proto ip; policy = { established: 60 }; }
add map inet t slots-tcp4-4-c { typeof numgen inc mod 4 : ip daddr . tcp dport; size 4; }
add set inet t flows-tcp4 { type inet_service . ipv4_addr . inet_service; counter; }
add set inet t traffic-tcp4 { type ct_dir . inet_service . ipv4_addr . inet_service; counter; }
add element inet t slots-tcp4-4-c { 0 : 10.0.0.1 . 9000, 1 : 10.0.0.2 . 9000, 2 : 10.0.0.2 . 9000, 3 : 10.0.0.1 . 9000 }
add element inet t flows-tcp4 { 8000 . 10.0.0.1 . 9000, 8000 . 10.0.0.2 . 9000 }
add element inet t traffic-tcp4 { original . 8000 . 10.0.0.1 . 9000, reply . 8000 . 10.0.0.1 . 9000, original . 8000 . 10.0.0.2 . 9000, reply . 8000 . 10.0.0.2 . 9000 }
add chain inet t prerouting { type nat hook prerouting priority -110; policy accept; }
add chain inet t output { type nat hook output priority -110; policy accept; }
add chain inet t incoming
add chain inet t local
add chain inet t postrouting { type nat hook postrouting priority 90; policy accept; }
add chain inet t sent { type filter hook postrouting priority 110; policy accept; }
add chain inet t received { type filter hook prerouting priority -150; policy accept; }
add rule inet t prerouting meta nfproto @alive jump incoming
add rule inet t output meta nfproto @alive jump local
add rule inet t incoming meta nfproto ipv4 fib daddr type local tcp dport 8000 ct label set 118 ct timeout set "idle-tcp4-60" dnat ip to jhash ip saddr . tcp sport . ip daddr . tcp dport mod 4 seed 0x6661726c map @slots-tcp4-4-c
add rule inet t local ip saddr != 127.0.0.0/8 meta nfproto ipv4 fib daddr type local tcp dport 8000 ct label set 118 ct timeout set "idle-tcp4-60" dnat ip to jhash ip saddr . tcp sport . ip daddr . tcp dport mod 4 seed 0x6661726c map @slots-tcp4-4-c
add rule inet t postrouting ct label 118 meta nfproto ipv4 meta l4proto tcp ct original proto-dst . ct reply ip saddr . ct reply proto-src @flows-tcp4
add rule inet t postrouting ct label 118 oifname != "lo" masquerade
add rule inet t sent ct label 118 ct direction original meta nfproto ipv4 meta l4proto tcp ct direction . ct original proto-dst . ct reply ip saddr . ct reply proto-src @traffic-tcp4
add rule inet t received ct label 118 ct direction reply meta nfproto ipv4 meta l4proto tcp ct direction . ct original proto-dst . ct reply ip saddr . ct reply proto-src @traffic-tcp4
${alive.join('\n')}
`,
  );
});

test('where nothing is new, only the guard is renewed', () => {
  expect(linesOf(wantedOf('1221'), wantedOf('1221'))).toEqual(alive);
});

test('of a map only the slots that changed are written', () => {
  expect(linesOf(wantedOf('1221', '12'), wantedOf('1211', '12'))).toEqual([
    'delete element inet t slots-tcp4-4-c { 2 }',
    'add element inet t slots-tcp4-4-c { 2 : 10.0.0.1 . 9000 }',
    ...alive,
  ]);
});

test('an endpoint that only gets no new flows goes on being counted, one that is gone does not', () => {
  expect(linesOf(wantedOf('1221', '12'), wantedOf('1111', '12')).join()).not.toContain('flows');
  expect(linesOf(wantedOf('1221', '12'), wantedOf('1111', '1'))).toContain(
    'delete element inet t flows-tcp4 { 8000 . 10.0.0.2 . 9000 }',
  );
});

test('where nobody may serve there is no rule, so that user space answers, and the map goes', () => {
  const lines = linesOf(wantedOf('1221', '12'), wantedOf('', '12'));
  expect(lines).toEqual([
    'flush chain inet t incoming',
    'flush chain inet t local',
    'delete map inet t slots-tcp4-4-c',
    'delete ct timeout inet t idle-tcp4-60',
    ...alive,
  ]);
});

test('a rule that is another one replaces those of its chain, and of no other', () => {
  const other = service({ proxy: tcpProxyOf('c', { hash: { type: 'source' } }) });
  const lines = linesOf(wantedOf('12'), wantedTable([other], clusters(serving('c', '12'))));
  expect(lines.filter((line) => line.startsWith('flush chain'))).toEqual([
    'flush chain inet t incoming',
    'flush chain inet t local',
  ]);
  expect(lines.join()).toContain('jhash ip saddr mod 2');
});

const rulesOf = (services: readonly Service[], chain: string, ...all: readonly ServingCluster[]) =>
  wantedTable(services, clusters(...all)).wording.rules.get(chain)!;

test('listeners of one address come before those of every address, and nothing of theirs goes to these', () => {
  const own = service({ name: 'own', address: '10.9.0.1', proxy: tcpProxyOf('d') });
  const rules = rulesOf([front, own], 'incoming', serving('c', '12'), serving('d', '3'));
  expect(rules.map((rule) => rule.replace(/ (?:ct|dnat) .*/, ''))).toEqual([
    'ip daddr 10.9.0.1 tcp dport 8000',
    'meta l4proto { tcp, udp } ip daddr 10.9.0.1 th dport 8000 return',
    'meta nfproto ipv4 fib daddr type local tcp dport 8000',
  ]);
});

test('the place of a listener of user space is left alone', () => {
  const user = [
    { address: '10.9.0.1', port: 8000 },
    { address: '10.9.0.1', port: 8001 },
  ];
  const { wording } = wantedTable([front], clusters(serving('c', '12')), user);
  expect(wording.rules.get('incoming')![0]).toBe('meta l4proto { tcp, udp } ip daddr 10.9.0.1 th dport 8000 return');
  expect(wording.rules.get('incoming')).toHaveLength(2);
});

test('loopback endpoints are reached from the machine itself only', () => {
  const loopback = {
    name: 'c',
    endpoints: [{ address: '127.0.0.2', port: 1 }],
    slots: [{ address: '127.0.0.2', port: 1 }],
  };
  expect(rulesOf([front], 'incoming', loopback)).toEqual([]);
  expect(rulesOf([front], 'local', loopback)[0]).toMatch(/^meta nfproto ipv4 fib/);
});

test('IPv6 is written as nft writes it, and a listener of :: takes the family of its endpoints', () => {
  const six = { address: 'FD00:0:0::1', port: 9000 };
  const cluster = { name: 'c', endpoints: [six], slots: [six] };
  const wanted = wantedTable([service({ address: '::' })], clusters(cluster));
  expect([...wanted.slots]).toEqual([['slots-tcp6-1-c', ['fd00::1 . 9000']]]);
  expect(wanted.wording.rules.get('local')![0]).toMatch(
    /^ip6 saddr != ::1 meta nfproto ipv6 .* dnat ip6 to jhash ip6 /,
  );
  expect(rulesOf([service({ address: '::' })], 'incoming', serving('c', '1'))).toHaveLength(1);
  expect(rulesOf([front], 'incoming', cluster)).toEqual([]);
});

test.each([
  ['::ffff:a00:1', '::ffff:10.0.0.1'],
  ['::102:304', '::1.2.3.4'],
  ['0:2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'],
])('the endpoint %s is called %s, as nft calls it: else it would be another one at each look', (address, called) => {
  const one = { address, port: 9000 };
  const wanted = wantedTable([service({ address: '::' })], clusters({ name: 'c', endpoints: [one], slots: [one] }));
  expect([...wanted.slots.values()]).toEqual([[`${called} . 9000`]]);
  expect(wanted.counted.get('flows-tcp6')).toEqual(new Set([`8000 . ${called} . 9000`]));
});

test('sources are matched in order, and those of another family are not', () => {
  const chain = udpChainOf('c', {
    routes: [
      { sources: ['10.1.0.0/16', 'fd00::/8'], cluster: 'c' },
      { sources: [], cluster: 'd' },
    ],
  });
  const rules = rulesOf([service({ chain, port: 53 })], 'incoming', serving('c', '1'), serving('d', '2'));
  expect(rules.map((rule) => rule.replace(/ ct .*@/, ' '))).toEqual([
    'ip saddr 10.1.0.0/16 meta nfproto ipv4 fib daddr type local udp dport 53 slots-udp4-1-c',
    'meta nfproto ipv4 fib daddr type local udp dport 53 slots-udp4-1-d',
  ]);
});

test('what nft tells of a table is read as it was wanted', () => {
  const wanted = wantedOf('12');
  const read = readTable(listedTable(wanted));
  expect(read).toEqual({
    slots: wanted.slots,
    counted: wanted.counted,
    timeouts: wanted.timeouts,
    marks: wanted.marks,
  });
  expect(linesOf(read, wanted)).toEqual(alive);
});

test('a table that lost its rules gets them again', () => {
  const lines = linesOf({ ...nothing, marks: new Map([['incoming', ['what?']]]) }, wantedOf('12'));
  expect(lines).toContain('flush chain inet t incoming');
  expect(lines.filter((line) => line.startsWith('add chain'))).toHaveLength(6);
});

test('names that nft would not take are written out, and different ones stay different', () => {
  expect(tableOf('l4-1')).toBe('fairlead-l4-1');
  expect(nftName('team/Orders v2')).toBe('team/Orders_20_v2');
  const names = ['a_b', 'a b', 'a_20_b', 'a\u{1f600}b', 'x'.repeat(300), 'x'.repeat(301)];
  expect(new Set(names.map(nftName)).size).toBe(names.length);
  for (const name of names) expect(tableOf(name)).toMatch(/^[a-z][\w/.-]{1,250}$/i);
});
