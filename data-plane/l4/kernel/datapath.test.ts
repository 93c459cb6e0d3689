import { expect, test } from 'vitest';
import type { ClusterConfig, ListenerConfig, MaglevConfig } from '../../model/config.ts';
import { kernelStats } from '../../telemetry/kernel-stats.ts';
import { StatsRegistry } from '../../telemetry/registry.ts';
import { clusterStats } from '../../telemetry/stats.ts';
import { stillWorld, TestClock } from '../../testing.ts';
import { Cluster } from '../../upstream/cluster.ts';
import { KernelDatapath } from './datapath.ts';
import { planOf } from './plan.ts';
import { type Wanted, wantedTable } from './ruleset.ts';
import { slotsOf } from './slots.ts';
import { kernelCluster, kernelListener, listedCounts, listedTable, TestSystem, tcpProxyOf } from './testing.ts';
import { uninstall } from './uninstall.ts';

const user = tcpProxyOf('c', { datapath: 'user' });
const addresses = ['10.0.0.1', '10.0.0.2', '10.0.0.3'];
const closing = 'flush set inet fairlead-n1 alive\n';
const removal = 'delete table inet fairlead-n1\n';
const renewal = `${closing}add element inet fairlead-n1 alive { ipv4 timeout 60s, ipv6 timeout 60s }\n`;
const flow =
  'ipv4     2 tcp      6 3599 ESTABLISHED src=10.7.0.2 dst=10.7.0.1 sport=4 dport=8000 src=10.0.0.1 dst=10.7.1.1 sport=9000 dport=4 [ASSURED] use=2\n';

/** What the first test configuration leads to. */
async function wantedThen(): Promise<Wanted> {
  const config = kernelCluster('c', addresses);
  const policy = config.balance.policy as MaglevConfig;
  const { hosts } = new Cluster(config, clusterStats(new StatsRegistry(), 'c'), stillWorld);
  const picked = await slotsOf({ ...config, balance: { ...config.balance, policy } }, hosts, slotsWorld);
  const slots = picked.map(({ address, port }) => ({ address, port }));
  const plan = planOf(kernelListener({}), new Map([['c', config]]))!;
  const serving = { name: 'c', endpoints: config.endpoints, slots };
  return wantedTable([{ plan, address: '0.0.0.0', port: 8000 }], new Map([['c', serving]]));
}

const slotsWorld = { now: () => 0, soon: setImmediate, zone: '' };

function node(system = new TestSystem()) {
  const clock = new TestClock();
  const registry = new StatsRegistry();
  const logs: { level: string; event: string; message: string }[] = [];
  const log = (level: string) => (fields: object, message: string) => {
    logs.push({ level, event: (fields as { event: string }).event, message });
  };
  const cluster = new Cluster(kernelCluster('c', addresses), clusterStats(registry, 'c'), stillWorld);
  const world = {
    bound: [{ name: 'front', address: '0.0.0.0', port: 8000, error: null as string | null }],
    busy: false,
  };
  const kernel = new KernelDatapath({
    ...{ id: 'n1', zone: '', system, registry, stats: kernelStats(registry), soon: setImmediate },
    ...{ now: clock.now, setTimer: clock.setTimer },
    clusters: { get: (name) => (name === 'c' ? cluster : undefined) },
    bound: () => world.bound,
    logger: { info: log('info'), warn: log('warn') },
  });
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  };
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 250) {
      clock.advance(250);
      await settle();
    }
  };
  const configure = async (listener: ListenerConfig | null, config: ClusterConfig = cluster.config): Promise<void> => {
    const listeners = new Map(listener === null ? [] : [[listener.name, listener]]);
    kernel.take({ listeners, clusters: new Map([['c', config]]) });
    await settle();
  };
  const stat = (name: string): number => {
    const found = registry.list().find((one) => one.name.stat === name);
    return found === undefined || found.kind === 'histogram' ? Number.NaN : found.read();
  };
  return { kernel, system, cluster, logs, world, settle, pass, configure, stat };
}

test('a listener that may go to the kernel goes there, and the node says so once', async () => {
  const { kernel, system, logs, configure, pass, stat } = node();
  await configure(kernelListener({}));
  expect(system.scripts).toHaveLength(1);
  expect(system.scripts[0]).toContain('add table inet fairlead-n1');
  expect(kernel.view).toMatchObject({
    state: 'active',
    fault: null,
    listeners: [{ name: 'front', datapath: 'kernel' }],
  });
  await pass(25_000);
  expect(logs).toEqual([
    { level: 'info', event: 'kernel_listener', message: 'listener front is served by the kernel' },
  ]);
  expect(stat('kernel.listeners')).toBe(1);
  expect(stat('kernel.slots_changed')).toBe(7);
});

test('every 20 s it says that the node is alive, and nothing else', async () => {
  const { system, configure, pass, stat } = node();
  await configure(kernelListener({}));
  await pass(60_500);
  expect(system.scripts.slice(1)).toEqual([renewal, renewal, renewal]);
  expect(stat('kernel.changes')).toBe(1);
});

test('an endpoint that falls ill loses its slots within a moment, and gets them back', async () => {
  const { system, cluster, configure, pass } = node();
  await configure(kernelListener({}));
  cluster.setEjected('10.0.0.2:9000', true);
  await pass(250);
  expect(system.scripts).toHaveLength(2);
  expect(system.scripts[1]).toMatch(/^delete element inet fairlead-n1 slots-tcp4-7-c \{ [0-6, ]+ \}\nadd element /);
  expect(system.scripts[1]).not.toContain('10.0.0.2');
  expect(system.scripts[1]).not.toContain('chain');
  cluster.setEjected('10.0.0.2:9000', false);
  await pass(250);
  expect(system.scripts[2]).toContain(': 10.0.0.2 . 9000');
});

test('what an earlier life left is taken up: nothing of it is written anew, and its counts are not counted again', async () => {
  const wanted = await wantedThen();
  const { system, cluster, kernel, configure, pass } = node();
  const key = '8000 . 10.0.0.1 . 9000';
  const tell = (flows: number): void => {
    system.tells.set('set inet fairlead-n1 flows-tcp4', listedCounts('f', new Map([[key, flows]])));
    const traffic = new Map([
      [`original . ${key}`, flows * 10],
      [`reply . ${key}`, flows * 20],
    ]);
    system.tells.set('set inet fairlead-n1 traffic-tcp4', listedCounts('t', traffic));
  };
  system.tells.set('table inet fairlead-n1', listedTable(wanted));
  tell(100);
  await configure(kernelListener({}));
  expect(system.scripts).toEqual([renewal]);
  tell(103);
  await pass(5_000);
  const { cxTotal, cxTxBytesTotal, cxRxBytesTotal } = cluster.stats;
  expect([cxTotal.value, cxTxBytesTotal.value, cxRxBytesTotal.value]).toEqual([3, 30, 60]);
  const carried = { endpoint: '10.0.0.1 . 9000', flows: 3, sentBytes: 30, receivedBytes: 60 };
  expect(kernel.view.endpoints[0]).toEqual({ listener: 'front', cluster: 'c', ...carried });
});

test('a table that somebody took away is put back with the next look', async () => {
  const { system, configure, pass } = node();
  await configure(kernelListener({}));
  system.stands = false;
  await pass(5_000);
  expect(system.scripts).toHaveLength(2);
  expect(system.scripts[1]).toBe(system.scripts[0]);
});

test.each<[string, (system: TestSystem) => void, (system: TestSystem) => void]>([
  ['there is no program nft', (system) => (system.missing = 'no nft'), (system) => (system.missing = null)],
  ['nft refuses', (system) => (system.refuses = 'not permitted'), (system) => (system.refuses = null)],
])('where %s user space serves: it is said once and loudly, and tried again', async (_why, begin, end) => {
  const { kernel, system, logs, configure, pass, stat } = node();
  begin(system);
  await configure(kernelListener({ proxy: tcpProxyOf('c', { datapath: 'kernel' }) }));
  expect(kernel.view).toMatchObject({ state: 'refused' });
  expect(stat('kernel.listeners_refused')).toBe(1);
  await pass(40_500);
  expect(logs).toMatchObject([{ level: 'warn', event: 'kernel_refused' }]);
  expect(stat('kernel.failures')).toBe(3);
  expect(stat('kernel.listeners')).toBe(0);
  end(system);
  await pass(20_000);
  expect(kernel.view).toMatchObject({ state: 'active', fault: null });
  expect(logs[1]).toMatchObject({ level: 'info', message: 'listener front is served by the kernel' });
});

test('a listener of `auto` is served by user space without a warning, and without a word where that is as it was meant', async () => {
  const { kernel, system, logs, configure, stat } = node();
  system.missing = 'no nft';
  await configure(kernelListener({}));
  expect(logs).toMatchObject([{ level: 'info', event: 'kernel_refused' }]);
  expect(stat('kernel.listeners_refused')).toBe(0);
  system.missing = null;
  await configure(
    kernelListener({ proxy: tcpProxyOf('c', { accessLogs: [{ path: 'x', format: { type: 'text', text: '' } }] }) }),
  );
  expect(kernel.view.listeners).toMatchObject([{ datapath: 'user', reasons: ['the kernel has no access logs'] }]);
  expect(logs).toHaveLength(1);
});

test('what the system would not pass on is not taken, until it does', async () => {
  const { kernel, system, logs, configure, pass } = node();
  system.passesOn = false;
  await configure(kernelListener({ proxy: tcpProxyOf('c', { datapath: 'kernel' }) }));
  const [listener] = kernel.view.listeners;
  expect(listener).toMatchObject({ datapath: 'user', reasons: [expect.stringContaining('net.ipv4.ip_forward=1')] });
  expect(logs).toMatchObject([{ level: 'warn', message: 'listener front is served by user space' }]);
  expect(system.scripts[0]).not.toContain('dnat');
  system.passesOn = true;
  await pass(250);
  expect(kernel.view.listeners).toMatchObject([{ datapath: 'kernel', reasons: [] }]);
});

test('a listener that is not bound is not taken from whoever is there, and is once it is', async () => {
  const { kernel, system, world, configure, pass } = node();
  const [front] = world.bound.splice(0);
  await configure(kernelListener({}));
  expect(kernel.view.listeners).toMatchObject([{ datapath: 'user', reasons: ['it is not bound'] }]);
  expect(system.scripts[0]).not.toContain('dnat');
  world.bound.push(front!);
  await pass(250);
  expect(kernel.view.listeners).toMatchObject([{ datapath: 'kernel', reasons: [] }]);
});

test('a stop takes no new flow at once, waits for those under way, and leaves nothing', async () => {
  const { kernel, system, configure, settle, pass } = node();
  await configure(kernelListener({}));
  system.conntrack = flow;
  let done = false;
  void kernel.drain(10_000).then(() => (done = true));
  await settle();
  expect(system.scripts.slice(1)).toEqual([closing]);
  expect(kernel.view.state).toBe('draining');
  await pass(2_000);
  expect(done).toBe(false);
  system.conntrack = '';
  await pass(500);
  expect(done).toBe(true);
  expect(system.scripts.slice(1)).toEqual([closing, removal]);
});

test.each([
  ['flows are left', flow],
  ['the system tells no flows', null],
])('where %s when the time is over the table stays, and takes no new ones', async (_what, conntrack) => {
  const { kernel, system, logs, configure, pass } = node();
  await configure(kernelListener({}));
  system.conntrack = conntrack;
  let done = false;
  void kernel.drain(2_000).then(() => (done = true));
  await pass(2_500);
  expect(done).toBe(true);
  expect(system.scripts.slice(1)).toEqual([closing]);
  expect(logs.at(-1)).toMatchObject({ level: 'warn', event: 'kernel_flows_left' });
});

test('once nobody asks for the kernel the table goes, when its last flow has gone', async () => {
  const { system, configure, pass, stat } = node();
  await configure(kernelListener({}));
  system.conntrack = flow;
  await configure(kernelListener({ proxy: user }));
  expect(system.scripts.slice(1)).toEqual([closing]);
  expect(stat('listener.front.downstream_cx_total')).toBe(0);
  system.conntrack = '';
  await pass(20_250);
  expect(system.scripts.at(-1)).toBe(removal);
  // it would be the stat of a listener that is gone
  expect(stat('listener.front.downstream_cx_total')).toBeNaN();
});

test('a node that never asks for the kernel only takes away what an earlier life left', async () => {
  const { system, logs, configure, pass } = node();
  await configure(kernelListener({ proxy: user }));
  expect(system.scripts).toEqual([]);
  const other = node();
  other.system.refuses = 'not permitted';
  await other.configure(kernelListener({ proxy: user }));
  await pass(1_000);
  expect([...logs, ...other.logs]).toEqual([]);
  const late = node();
  late.system.tells.set('table inet fairlead-n1', listedTable(await wantedThen()));
  await late.configure(kernelListener({ proxy: user }));
  expect(late.system.scripts).toEqual([closing, removal]);
});

test('uninstall removes the table of a node, and says what it did', async () => {
  const system = new TestSystem();
  expect(await uninstall('n1', system)).toContain('table inet fairlead-n1 is removed');
  expect(system.scripts).toEqual([removal]);
  system.missing = 'no nft';
  await expect(uninstall('n1', system)).rejects.toThrow('no nft');
});
