/** The example of docs/kernel-datapath.md, read as our nodes read it: what the kernel would make of it. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { encodeGroup, translateGroup } from '../control-plane/translate/group.ts';
import { documentSet, documentsOf } from '../control-plane/translate/testing.ts';
import { planOf } from '../data-plane/l4/kernel/plan.ts';
import type { ListenerConfig } from '../data-plane/model/config.ts';
import { decoders } from '../data-plane/xds/decode/decoders.ts';

const page = readFileSync(new URL('../docs/kernel-datapath.md', import.meta.url), 'utf8');
const [, example = ''] = /^```yaml\n([\s\S]*?)^```$/m.exec(page) ?? [];

/** @param yaml of group `front` */
function planned(yaml: string) {
  const group = 'kind: NodeGroup\nname: front\nspec: { tier: l4 }\n---\n';
  const { clusters, listeners } = encodeGroup(translateGroup(documentSet(documentsOf(group + yaml)), 'front'));
  const configs = clusters.map(({ value }) => {
    const read = decoders.clusters(value);
    if (!read.ok) throw new Error(JSON.stringify(read.problems));
    return { ...read.value.config, endpoints: [], overprovisioningPercent: 140, weightedPriorityHealth: false };
  });
  return listeners.map(({ value }) => {
    const read = decoders.listeners(value);
    if (!read.ok) throw new Error(JSON.stringify(read.problems));
    const { config, chain } = read.value;
    const listener = { ...config, chain, tls: null } as ListenerConfig;
    return planOf(listener, new Map(configs.map((one) => [one.name, one])));
  });
}

test('the example goes to the kernel by itself', () => {
  expect(planned(example)).toMatchObject([
    { protocol: 'tcp', reasons: [], lost: [], ways: [{ source: null, to: { cluster: 'edge', hash: 'five-tuple' } }] },
  ]);
});

test.each([
  ['accessLog: off', 'accessLog: { format: json, to: /dev/stdout }', 'access logs'],
  [', passive: off', '', 'outlier detection of cluster edge'],
  ['policy: maglev', 'policy: random', 'not maglev'],
])('with other words for `%s` it stays in user space, and `/kernel` says why', (from, to, why) => {
  const [plan] = planned(example.replace(from, to));
  expect(plan).toMatchObject({ ways: [], insisted: false });
  expect(plan?.reasons.join()).toContain(why);
});

test.each(['source', 'five-tuple', 'destination-port'])(
  'hash: %s is the kernel’s of the same name, for UDP as for TCP',
  (hash) => {
    const tcp = example.replace('hash: five-tuple', `hash: ${hash}`);
    const udp = tcp.replaceAll('protocol: tcp', 'protocol: udp');
    for (const [plan] of [planned(tcp), planned(udp)]) expect(plan?.ways).toMatchObject([{ to: { hash } }]);
  },
);
