/** What the kernel datapath promises, each shown on a real table with real flows. One scene is led through all of them. */
import assert from 'node:assert/strict';
import { waitFor } from '../support/fairlead.ts';
import { slotOfTuple } from './jhash.ts';
import { backendAddress } from './namespaces.ts';
import type { Flow, Opened } from './peer.ts';
import { clusterAt, siteOf, tableSize, toDns, toFront, toFront6 } from './site.ts';
import { type Client, type Configured, nodeId, type RunningNode, table, type World } from './world.ts';

export interface Scene {
  readonly world: World;
  readonly client: Client;
  /** Inside the namespace of the node. */
  readonly local: Client;
  node: RunningNode;
}

export interface Promised {
  readonly law: string;
  readonly show: (scene: Scene) => Promise<void>;
}

const foreign =
  'table inet somebody { chain c { type filter hook forward priority 5; policy accept; counter; }; set s { type ipv4_addr; elements = { 192.0.2.1 }; }; }\n';
const three = clusterAt('team/front', 4, [1, 2, 3]);
/** A node that was killed may not come back: this is how long its rules take new flows without it, and a little. */
const aliveMs = 70_000;

/** Starts a node and waits until the kernel serves its listeners. */
export async function startServing(scene: Scene, config: Configured = siteOf(three), drainMs?: number): Promise<void> {
  scene.node = scene.world.startNode([], drainMs);
  scene.node.configure(config);
  await carried(scene, 3);
}

async function carried({ node }: Scene, listeners: number): Promise<void> {
  await waitFor(`${listeners} listeners in the kernel`, async () => {
    if (node.child.exitCode !== null) throw new Error(node.log());
    const { view } = await node.look();
    return view.listeners.filter(({ datapath }) => datapath === 'kernel').length === listeners || undefined;
  });
}

/** Of each slot the address of its endpoint, as it stands in the table. */
function slotsIn({ world }: Scene, map: string): readonly string[] {
  const json = world.nft(['-j', 'list', 'map', 'inet', table, map]);
  assert.ok(json !== undefined, `there is no map ${map}`);
  const slots: string[] = [];
  const [, listed] = (JSON.parse(json) as { nftables: { map?: { elem: [number, { concat: [string, number] }][] } }[] })
    .nftables;
  for (const [slot, { concat }] of listed!.map!.elem) slots[slot] = concat[0];
  return slots;
}

async function configureUntil(
  scene: Scene,
  config: Configured,
  isSo: (slots: readonly string[]) => boolean,
): Promise<void> {
  scene.node.configure(config);
  await waitFor('the slots to change', () => isSo(slotsIn(scene, 'slots-tcp4-65537-team/front')) || undefined);
}

function assertByMap(flows: readonly Opened[], { address, port }: Flow, slots: readonly string[], family: 4 | 6): void {
  for (const { sourceAddress, sourcePort, backend } of flows) {
    const expected = slots[slotOfTuple({ sourceAddress, sourcePort, address, port }, tableSize)];
    assert.equal(backendAddress(Number(backend.slice(1)) - 1, family), expected, `port ${sourcePort} is at ${backend}`);
  }
}

const backendsOf = (flows: readonly Opened[]): Set<string> => new Set(flows.map(({ backend }) => backend));

async function refused(client: Client, to: Flow): Promise<void> {
  await assert.rejects(client.open(to, 1));
}

export const promises: readonly Promised[] = [
  {
    law: 'TCP: 300 flows are each where the hash of its five-tuple says, and megabytes come back as they went',
    show: async ({ client, ...scene }) => {
      const flows = await client.open(toFront, 300);
      assertByMap(flows, toFront, slotsIn({ client, ...scene }, 'slots-tcp4-65537-team/front'), 4);
      assert.equal(backendsOf(flows).size, 3);
      await client.echo(flows.slice(0, 3), 4 << 20);
      const { counters } = await scene.node.look();
      assert.equal(counters['tcp.front.downstream_cx_total'] ?? 0, 0, 'user space took some');
      await client.close();
    },
  },
  {
    law: 'the same over IPv6, and for UDP',
    show: async (scene) => {
      const six = await scene.client.open(toFront6, 60);
      assertByMap(six, toFront6, slotsIn(scene, 'slots-tcp6-65537-team/six'), 6);
      await scene.client.echo(six);
      const datagrams = await scene.client.open(toDns, 60);
      assertByMap(datagrams, toDns, slotsIn(scene, 'slots-udp4-65537-team/front'), 4);
      await scene.client.echo(datagrams);
      await scene.client.close();
    },
  },
  {
    law: 'what was carried is counted for its cluster and endpoint',
    show: async ({ node }) => {
      const found = await waitFor('the counters', async () => {
        const { counters, view } = await node.look();
        return counters['kernel.flows_total'] === 420 ? { counters, view } : undefined;
      });
      const { counters, view } = found;
      assert.equal(counters['cluster.team/front.upstream_cx_total'], 360);
      assert.equal(counters['cluster.team/six.upstream_cx_total'], 60);
      assert.equal(counters['listener.front.downstream_cx_total'], 300);
      assert.ok(counters['cluster.team/front.upstream_cx_tx_bytes_total']! > 12 << 20);
      assert.ok(counters['cluster.team/front.upstream_cx_rx_bytes_total']! > 12 << 20);
      assert.equal(
        view.endpoints.reduce((sum, { flows }) => sum + flows, 0),
        420,
      );
    },
  },
  {
    law: 'a process on the node itself is served by the kernel at an address of the node, by user space at 127.0.0.1',
    show: async ({ local, node }) => {
      const flows = await local.open(toFront, 20);
      await local.echo(flows);
      assert.equal((await node.look()).counters['tcp.front.downstream_cx_total'] ?? 0, 0);
      await local.echo(await local.open({ ...toFront, address: '127.0.0.1' }, 5));
      assert.equal((await node.look()).counters['tcp.front.downstream_cx_total'], 5);
      await local.close();
    },
  },
  {
    law: 'an endpoint that drains gets no new flow, and keeps its old ones',
    show: async (scene) => {
      const old = await scene.client.open(toFront, 60);
      const draining = clusterAt('team/front', 4, [1, 2, 3], [{}, { health: 'draining' }]);
      const address = backendAddress(1, 4);
      await configureUntil(scene, siteOf(draining), (slots) => !slots.includes(address));
      const fresh = await scene.client.open(toFront, 200);
      assert.deepEqual([...backendsOf(fresh)].sort(), ['b1', 'b3']);
      await scene.client.echo(old);
      await configureUntil(scene, siteOf(three), (slots) => slots.includes(address));
      await scene.client.close();
    },
  },
  {
    law: "an endpoint that joins or leaves moves Maglev's share of slots, and not one flow",
    show: async (scene) => {
      const map = 'slots-tcp4-65537-team/front';
      const before = slotsIn(scene, map);
      const old = await scene.client.open(toFront, 100);
      const four = clusterAt('team/front', 4, [1, 2, 3, 4]);
      await configureUntil(scene, siteOf(four), (slots) => slots.includes(backendAddress(3, 4)));
      const joined = slotsIn(scene, map);
      const moved = joined.filter((address, slot) => address !== before[slot]).length / tableSize;
      console.log(`      ${(moved * 100).toFixed(1)} % of the slots moved as a fourth endpoint joined three`);
      assert.ok(moved >= 0.25 - 0.001 && moved < 0.32, `${moved} moved`);
      assertByMap(await scene.client.open(toFront, 100), toFront, joined, 4);
      await configureUntil(scene, siteOf(three), (slots) => !slots.includes(backendAddress(3, 4)));
      assert.deepEqual(slotsIn(scene, map), before);
      await scene.client.echo(old);
      await scene.client.close();
    },
  },
  {
    law: 'kill -9: old flows go on and new ones are taken without the node; its next life takes the rules up as they are',
    show: async (scene) => {
      const old = await scene.client.open(toFront, 50);
      await scene.node.end('SIGKILL');
      await scene.client.echo(old);
      await scene.client.echo(await scene.client.open(toFront, 20));
      await startServing(scene);
      const { counters } = await scene.node.look();
      assert.equal(counters['kernel.changes'], 0);
      assert.equal(counters['kernel.slots_changed'], 0);
      assert.equal(counters['kernel.flows_total'], 0, 'flows of the earlier life were counted again');
      await scene.client.echo(old);
      await scene.client.close();
    },
  },
  {
    law: 'a stop with flows under way cuts none, takes no new ones, and the next start goes on with the same table',
    show: async (scene) => {
      const old = await scene.client.open(toFront, 50);
      await scene.node.end('SIGTERM');
      assert.match(scene.node.log(), /kernel_flows_left/);
      await refused(scene.client, toFront);
      await scene.client.echo(old);
      await startServing(scene);
      await scene.client.echo(old);
      await scene.client.echo(await scene.client.open(toFront, 20));
      await scene.client.close();
    },
  },
  {
    law: 'a table that somebody flushed is put back',
    show: async (scene) => {
      assert.notEqual(scene.world.nft(['delete', 'table', 'inet', table]), undefined);
      await waitFor('the table', () =>
        scene.world.nft(['list', 'set', 'inet', table, 'alive']) === undefined ? undefined : true,
      );
      await scene.client.echo(await scene.client.open(toFront, 20));
      assert.equal((await scene.node.look()).counters['tcp.front.downstream_cx_total'] ?? 0, 0);
      await scene.client.close();
    },
  },
  {
    law: 'where packets are not passed on, user space serves, and the kernel again once they are',
    show: async (scene) => {
      scene.world.run('sysctl', ['-qw', 'net.ipv4.ip_forward=0']);
      await carried(scene, 1);
      await scene.client.echo(await scene.client.open(toFront, 5));
      assert.equal((await scene.node.look()).counters['tcp.front.downstream_cx_total'], 5);
      scene.world.run('sysctl', ['-qw', 'net.ipv4.ip_forward=1']);
      await carried(scene, 3);
      await scene.client.close();
    },
  },
  {
    law: 'a node that was killed and does not come back takes no new flows after a minute, and cuts no old ones',
    show: async (scene) => {
      const old = await scene.client.open(toFront, 20);
      await scene.node.end('SIGKILL');
      await waitFor(
        'the rules to expire',
        () => (/expires/.test(scene.world.nft(['list', 'set', 'inet', table, 'alive']) ?? '') ? undefined : true),
        aliveMs,
      );
      await refused(scene.client, toFront);
      await scene.client.echo(old);
      await scene.client.close();
    },
  },
  {
    law: 'uninstall removes the table, and says so when there is none; a stop without flows leaves none',
    show: async (scene) => {
      const cli = new URL('../../control-plane/cli/fairlead.js', import.meta.url).pathname;
      const uninstall = () => scene.world.run(process.execPath, [cli, 'data-plane', 'uninstall', '--id', nodeId]);
      assert.match(uninstall().stdout, /is removed/);
      assert.equal(scene.world.nft(['list', 'table', 'inet', table]), undefined);
      const again = uninstall();
      assert.match(again.stdout, /nothing to remove/);
      assert.equal(again.status, 0);
      await startServing(scene, siteOf(three), 10_000);
      await scene.node.end('SIGTERM');
      assert.match(scene.node.log(), /kernel_table_removed/);
      assert.equal(scene.world.nft(['list', 'table', 'inet', table]), undefined);
    },
  },
  {
    law: 'without nft user space serves, and the log says why',
    show: async (scene) => {
      const hidden = 'mount --bind /dev/null "$(command -v nft)" && exec "$@"';
      scene.node = scene.world.startNode(['unshare', '-m', 'sh', '-c', hidden, 'sh']);
      scene.node.configure(siteOf(three));
      await waitFor('the log', () => /kernel_refused.*there is no program nft/.test(scene.node.log()) || undefined);
      await scene.client.echo(await scene.client.open(toFront, 5));
      assert.equal((await scene.node.look()).counters['tcp.front.downstream_cx_total'], 5);
      await scene.client.close();
      await scene.node.end('SIGTERM');
    },
  },
  {
    law: 'the same without CAP_NET_ADMIN',
    show: async (scene) => {
      scene.node = scene.world.startNode(['setpriv', '--bounding-set', '-net_admin', '--inh-caps', '-net_admin']);
      scene.node.configure(siteOf(three));
      await waitFor('the log', () => /kernel_refused.*CAP_NET_ADMIN/.test(scene.node.log()) || undefined);
      await scene.client.echo(await scene.client.open(toFront, 5));
      await scene.client.close();
      await scene.node.end('SIGTERM');
    },
  },
  {
    law: 'documents and the command line lead to the same: both listeners in the kernel, counted, and no table after SIGTERM',
    show: async ({ world, client }) => {
      const fleet = await world.startFleet('by-cli', toStreams, toDatagrams);
      await client.echo(await client.open(toStreams, 30));
      await client.echo(await client.open(toDatagrams, 30));
      const { endpoints } = await waitFor('the counts', async () => {
        const view = await fleet.look();
        return view.endpoints.reduce((sum, { flows }) => sum + flows, 0) === 60 ? view : undefined;
      });
      assert.equal(endpoints.filter(({ listener }) => listener === 'front').length, 3);
      await client.close();
      await fleet.end();
      assert.equal(world.nft(['list', 'table', 'inet', 'fairlead-by-cli']), undefined);
    },
  },
];

/** Places of a node that is started by the command line. */
const toStreams: Flow = { ...toFront, port: 8_200 };
const toDatagrams: Flow = { ...toDns, port: 5_400 };

/** Somebody else's table, to be found as it was. */
export function placeForeignTable(world: World): () => void {
  assert.notEqual(world.nft(['-f', '-'], foreign), undefined);
  const list = (): string =>
    (world.nft(['list', 'table', 'inet', 'somebody']) ?? '').replace(/packets \d+ bytes \d+/, '');
  const before = list();
  return () => assert.equal(list(), before);
}
