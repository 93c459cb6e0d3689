import { expect, test } from 'vitest';
import type { UdpChainConfig } from '../model/config.ts';
import { type DatagramReceiver, UdpError, type UdpSocket, type UdpSockets } from '../sockets/udp-socket.ts';
import { StatsRegistry } from '../telemetry/registry.ts';
import { clusterStats } from '../telemetry/stats.ts';
import { udpStats } from '../telemetry/udp-stats.ts';
import { clusterOf, endpointOf, outliersOf, stillWorld, TestClock } from '../testing.ts';
import { Cluster } from '../upstream/cluster.ts';
import { Deadlines } from '../upstream/deadlines.ts';
import { UdpProxy } from './udp-proxy.ts';

/** A socket that notes what is sent, and says what it is told to. */
class FakeSocket implements UdpSocket {
  readonly local = { address: '0.0.0.0', port: 53 };
  readonly sent: string[] = [];
  /** What the next sends come to. */
  results: (string | null)[] = [];
  isClosed = false;

  send(b: Buffer): string | null {
    const result = this.results.shift() ?? null;
    if (result === null) this.sent.push(b.toString());
    return result;
  }

  sendTo(b: Buffer, address: string, port: number): string | null {
    const result = this.results.shift() ?? null;
    if (result === null) this.sent.push(`${address} ${port} ${b}`);
    return result;
  }

  close(): void {
    this.isClosed = true;
  }
}

function proxyOf(chain: Partial<UdpChainConfig> = {}, endpoints = [endpointOf(1), endpointOf(2)]) {
  const registry = new StatsRegistry();
  const clock = new TestClock();
  const config = clusterOf([], { endpoints, outlierDetection: outliersOf() });
  const cluster = new Cluster(config, clusterStats(registry, 'c'), stillWorld);
  const faults: unknown[] = [];
  const onFault = (fault: unknown): void => void faults.push(fault);
  const connected: { socket: FakeSocket; receiver: DatagramReceiver; to: string }[] = [];
  const counts = { admitted: 0, refuses: '' };
  const sockets: UdpSockets = {
    bind: () => new FakeSocket(),
    connect: (address, port, receiver) => {
      if (counts.refuses !== '') throw new UdpError(counts.refuses, 'connect');
      const socket = new FakeSocket();
      connected.push({ socket, receiver, to: `${address} ${port}` });
      return socket;
    },
  };
  const proxy = new UdpProxy({
    shared: {
      clusters: new Map([['c', cluster]]),
      deadlines: new Deadlines(clock.now, clock.setTimer, onFault),
      now: clock.now,
      wallClock: () => 0,
      newRequestId: () => 'id',
      onFault,
    },
    stats: udpStats(registry, 'test'),
    sockets,
    chain: {
      ...{ type: 'udp', statPrefix: 'test', routes: [{ sources: [], cluster: 'c' }], idleTimeoutMs: 60_000 },
      ...{ hash: null, perPacket: false, accessLogs: [], datapath: 'user', ...chain },
    },
    logs: [],
    admit: () => {
      counts.admitted++;
      return true;
    },
    leave: () => {
      counts.admitted--;
    },
  });
  const listening = new FakeSocket();
  proxy.attach(listening);
  const says = (text: string, port = 1000, address = '10.0.0.1'): void =>
    proxy.onDatagram(Buffer.from(text), address, port);
  const stat = (name: string): number => {
    const one = registry.list().find(({ name: { stat: known } }) => known === name);
    return one === undefined || one.kind === 'histogram' ? Number.NaN : one.read();
  };
  return { proxy, cluster, config, connected, counts, listening, says, stat, faults };
}

test('a datagram that nobody can be answered for begins nothing: port 0, or the listener itself', () => {
  const { says, stat, connected, counts } = proxyOf();
  says('?', 0);
  says('?', 53, '127.0.0.9');
  says('?', 53, '::ffff:127.0.0.1');
  expect([stat('udp.test.downstream_sess_rx_errors'), connected.length, counts.admitted]).toEqual([3, 0, 0]);
  says('?', 53, '10.0.0.1');
  says('?', 54, '127.0.0.1');
  expect(connected.length).toBe(2);
});

test('what was in the queue before the socket was connected is not the endpoint’s, whatever it says', () => {
  const { says, stat, connected, listening } = proxyOf();
  says('?');
  const { receiver } = connected[0]!;
  receiver.onDatagram(Buffer.from('forged'), '10.6.6.6', 1);
  receiver.onDatagram(Buffer.from('forged'), '127.0.0.1', 666);
  receiver.onDatagram(Buffer.from('genuine'), '127.0.0.1', 1);
  expect(listening.sent).toEqual(['10.0.0.1 1000 genuine']);
  expect(stat('cluster.c.udp.sess_rx_datagrams_dropped')).toBe(2);
});

test('what cannot be sent at once is dropped and counted, and the next one is tried again', () => {
  const { says, stat, connected, listening } = proxyOf();
  says('1');
  const { socket, receiver } = connected[0]!;
  socket.results = ['EAGAIN', 'EMSGSIZE', 'ENOBUFS'];
  for (const text of ['2', '3', '4', '5']) says(text);
  expect(socket.sent).toEqual(['1', '5']);
  expect(stat('cluster.c.udp.sess_tx_errors')).toBe(3);
  expect(stat('cluster.c.udp.sess_tx_datagrams')).toBe(2);
  listening.results = ['EAGAIN', 'EPERM'];
  for (const text of ['a', 'b', 'c']) receiver.onDatagram(Buffer.from(text), '127.0.0.1', 1);
  expect(listening.sent).toEqual(['10.0.0.1 1000 c']);
  expect(stat('udp.test.downstream_sess_tx_errors')).toBe(2);
  expect(stat('udp.test.downstream_sess_tx_datagrams')).toBe(1);
});

test('a refusal that a send hears of is of an earlier datagram: it is counted, and this one is sent', () => {
  const { says, stat, connected, cluster } = proxyOf();
  says('1');
  const { socket } = connected[0]!;
  socket.results = ['ECONNREFUSED'];
  says('2');
  expect(socket.sent).toEqual(['1', '2']);
  expect(stat('cluster.c.udp.sess_rx_errors')).toBe(1);
  expect(stat('cluster.c.udp.sess_tx_errors')).toBe(0);
  expect(cluster.hosts[0]!.counts.total('external') - cluster.hosts[0]!.counts.successful('external')).toBe(1);
});

test.each([
  ['EMFILE', 0],
  ['EADDRNOTAVAIL', 0],
  ['ENETUNREACH', 1],
])('a socket that cannot be had (%s) begins no session; the endpoint is blamed %d times', (code, blamed) => {
  const { says, stat, counts, cluster, connected } = proxyOf({}, [endpointOf(1)]);
  counts.refuses = code;
  says('1');
  expect([stat('cluster.c.upstream_cx_connect_fail'), counts.admitted]).toEqual([1, 0]);
  expect(cluster.hosts[0]!.counts.total('external')).toBe(blamed);
  counts.refuses = '';
  says('2');
  expect(connected.map(({ socket }) => socket.sent)).toEqual([['2']]);
});

test('a bug in beginning a session leaves no socket, no count and no session', () => {
  const { proxy, says, counts, cluster, connected, stat, faults } = proxyOf();
  Object.defineProperty(cluster, 'outcomes', {
    get: () => {
      throw new Error('a bug');
    },
  });
  // as the socket does
  try {
    says('1');
  } catch (fault) {
    proxy.onFault(fault);
  }
  expect(faults).toEqual([new Error('a bug')]);
  expect([counts.admitted, proxy.sessions.size, stat('udp.test.downstream_sess_active')]).toEqual([0, 0, 0]);
  expect(connected[0]!.socket.isClosed).toBe(true);
  expect(cluster.hosts[0]!.active).toBe(0);
});

test('a bug in what an endpoint says ends its session, and not that of whoever spoke last', () => {
  const { proxy, says, connected, faults } = proxyOf();
  says('1', 1000);
  says('2', 1001);
  connected[0]!.receiver.onFault(new Error('a bug'));
  expect(connected.map(({ socket }) => socket.isClosed)).toEqual([true, false]);
  expect([proxy.sessions.size, faults]).toEqual([1, [new Error('a bug')]]);
});
