import { once } from 'node:events';
import net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { EndpointConfig, HealthCheckConfig } from '../model/config.ts';
import { endpointOf } from '../testing.ts';
import { ClusterHealthChecker, type ClusterToCheck, type HealthDeps } from './active.ts';
import { checkOf, healthCheckOf } from './testing.ts';

interface Timer {
  readonly callback: () => void;
  readonly ms: number;
}

/** Timers that fire when a test says so. */
class Timers {
  readonly running = new Set<Timer>();

  readonly set = (callback: () => void, ms: number): (() => void) => {
    const timer = { callback, ms };
    this.running.add(timer);
    return () => this.running.delete(timer);
  };

  /** Fires the timers of this length; there must be one. */
  fire(ms: number): void {
    const due = [...this.running].filter((timer) => timer.ms === ms);
    expect(due, `timers of ${ms} ms`).not.toEqual([]);
    for (const timer of due) {
      this.running.delete(timer);
      timer.callback();
    }
  }

  lengths(): number[] {
    return [...this.running].map((timer) => timer.ms).sort((a, b) => a - b);
  }
}

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** An endpoint that does with each connection what `serve` says. */
async function endpoint(serve: (socket: net.Socket) => void): Promise<EndpointConfig> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    serve(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return endpointOf((server.address() as net.AddressInfo).port);
}

/** An address that nobody listens on: no system gives this port away by itself. */
const deadEndpoint = endpointOf(1);

const tcp = healthCheckOf({ type: 'tcp', send: null, receive: [] });
const http = healthCheckOf(checkOf());

interface CheckOptions {
  readonly random?: () => number;
  readonly hasTraffic?: () => boolean;
}

function check(healthCheck: HealthCheckConfig, endpoints: readonly EndpointConfig[], options: CheckOptions = {}) {
  const { random = () => 0, hasTraffic = () => true } = options;
  const timers = new Timers();
  const changes: string[] = [];
  const outcomes: string[] = [];
  let wake = (): void => undefined;
  const deps: HealthDeps = {
    connect: ({ address: host, port }) => net.connect({ host, port }),
    setTimer: timers.set,
    random,
  };
  const cluster: ClusterToCheck = {
    healthCheck,
    endpoints,
    hasTraffic,
    onOutcome: (key, { type, reason }, before, after) => {
      if (before.state !== after.state) changes.push(`${key} ${after.state}`);
      outcomes.push(reason === '' ? type : `${type}: ${reason}`);
      wake();
    },
  };
  const checker = new ClusterHealthChecker(cluster, deps);
  closers.push(() => checker.stop());
  /** The outcomes so far, once there are so many. */
  const outcomesOf = async (count: number): Promise<string[]> => {
    while (outcomes.length < count) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return [...outcomes];
  };
  return { checker, timers, changes, outcomesOf };
}

test('a TCP check passes when the connection stands', async () => {
  const target = await endpoint(() => undefined);
  const { checker, changes } = check(tcp, [target]);
  expect(checker.stateOf(target.key)).toBe('pending');
  await checker.firstRound;
  expect(changes).toEqual([`${target.key} passing`]);
});

test('an endpoint that refuses connections fails from the start', async () => {
  const { checker, changes, outcomesOf } = check(tcp, [deadEndpoint]);
  await checker.firstRound;
  expect(await outcomesOf(1)).toEqual(['network: connection refused']);
  expect(changes).toEqual([`${deadEndpoint.key} failing`]);
});

test('a TCP check sends its bytes and passes on the expected answer', async () => {
  let received = '';
  const target = await endpoint((socket) => {
    socket.on('data', (chunk) => {
      received += chunk;
      socket.write('+PO');
      setImmediate(() => socket.write('NG\r\n'));
    });
  });
  const config: HealthCheckConfig = {
    ...tcp,
    check: { type: 'tcp', send: Buffer.from('PING\r\n'), receive: [Buffer.from('PONG')] },
  };
  const { outcomesOf } = check(config, [target]);
  expect(await outcomesOf(1)).toEqual(['passed']);
  expect(received).toBe('PING\r\n');
});

test('an HTTP check asks for the path under the host and reads the status', async () => {
  let request = '';
  const target = await endpoint((socket) => {
    socket.on('data', (chunk) => {
      request += chunk;
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
    });
  });
  const { outcomesOf } = check(http, [target]);
  expect(await outcomesOf(1)).toEqual(['passed']);
  expect(request).toBe(
    'GET /healthz HTTP/1.1\r\nhost: orders.internal\r\nuser-agent: Fairlead/HC\r\nconnection: close\r\n\r\n',
  );
});

test.each<[string, string | null, string]>([
  ['a wrong status', 'HTTP/1.1 503 x\r\n\r\n', 'failed: status 503'],
  ['something that is not HTTP', 'hello, is this HTTP?\r\n\r\n', 'network: the answer is no HTTP/1.1'],
  ['half a head and the end', 'HTTP/1.1 200 OK\r\n', 'network: the connection ended before the answer'],
  ['a reset', null, 'network: connection reset'],
])('an HTTP check answered with %s (%j) is a failure: %s', async (_, answer, outcome) => {
  const target = await endpoint((socket) => {
    socket.on('data', () => (answer === null ? socket.resetAndDestroy() : socket.end(answer)));
  });
  const { outcomesOf } = check(http, [target]);
  expect(await outcomesOf(1)).toEqual([outcome]);
});

test('an endpoint that does not answer fails when the time is up, and its connection is cut', async () => {
  let closed: Promise<void> = Promise.resolve();
  const target = await endpoint((socket) => {
    closed = new Promise((resolve) => socket.once('close', () => resolve()));
    socket.on('data', () => timers.fire(http.timeoutMs));
  });
  const { timers, outcomesOf } = check(http, [target]);
  expect(await outcomesOf(1)).toEqual(['timeout: no answer within 2000 ms']);
  await closed;
});

test('an endpoint that goes on talking after its verdict is cut when the time is up', async () => {
  let open: net.Socket | undefined;
  const target = await endpoint((socket) => {
    open = socket;
    socket.allowHalfOpen = true;
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'));
  });
  const { timers, outcomesOf } = check(http, [target]);
  expect(await outcomesOf(1)).toEqual(['passed']);
  await once(open!, 'end');
  const closed = new Promise((resolve) => open!.once('close', resolve));
  timers.fire(http.timeoutMs);
  const talk = (): void => {
    open!.write('more', (error) => {
      if (!error) setImmediate(talk);
    });
  };
  talk();
  await closed;
});

test('the next check comes an interval and its jitter after an outcome', async () => {
  const target = await endpoint((socket) => socket.end());
  const { timers, outcomesOf } = check({ ...tcp, jitterPercent: 10 }, [target], { random: () => 0.5 });
  await outcomesOf(1);
  timers.fire(5_250);
  expect(await outcomesOf(2)).toEqual(['passed', 'passed']);
  expect(timers.lengths()).toContain(5_250);
});

test('a change needs as many outcomes in a row as its threshold says, and is told once', async () => {
  let up = true;
  const target = await endpoint((socket) => {
    socket.on('data', () => (up ? socket.end('HTTP/1.1 200 OK\r\n\r\n') : socket.resetAndDestroy()));
  });
  const { timers, changes, outcomesOf } = check(http, [target]);
  const round = async (count: number): Promise<void> => {
    await outcomesOf(count);
    timers.fire(http.intervalMs);
  };
  const reset = 'network: connection reset';
  await round(1);
  up = false;
  await round(2);
  expect(changes).toEqual([`${target.key} passing`]);
  await round(3);
  expect(changes).toEqual([`${target.key} passing`, `${target.key} failing`]);
  up = true;
  await round(4);
  await round(5);
  expect(await outcomesOf(5)).toEqual(['passed', reset, reset, 'passed', 'passed']);
  expect(changes).toEqual(['passing', 'failing', 'passing'].map((state) => `${target.key} ${state}`));
});

test('an edit checks what is new and leaves the others as they are', async () => {
  const [a, b, c] = await Promise.all([1, 2, 3].map(() => endpoint((socket) => socket.end())));
  const { checker, timers, changes, outcomesOf } = check(tcp, [a!, b!]);
  await checker.firstRound;
  await outcomesOf(2);
  expect(timers.lengths().filter((ms) => ms === tcp.intervalMs)).toHaveLength(2);
  checker.update(tcp, [{ ...a!, weight: 9 }, c!]);
  expect([a!, b!, c!].map(({ key }) => checker.stateOf(key))).toEqual(['passing', undefined, 'pending']);
  await outcomesOf(3);
  expect(changes.slice(2)).toEqual([`${c!.key} passing`]);
  expect(timers.lengths().filter((ms) => ms === tcp.intervalMs)).toHaveLength(2);
});

test('new settings hold from the next check on and cost nobody their state', async () => {
  const target = await endpoint((socket) => socket.end());
  const { checker, timers, outcomesOf } = check({ ...tcp, intervalMs: 3_600_000 }, [target]);
  await outcomesOf(1);
  checker.update({ ...tcp, intervalMs: 1_000 }, [target]);
  expect(checker.stateOf(target.key)).toBe('passing');
  expect(timers.lengths()).not.toContain(3_600_000);
  timers.fire(1_000);
  await outcomesOf(2);
});

test('edits that come faster than the interval do not put checks off', async () => {
  const target = await endpoint((socket) => socket.end());
  const { checker, timers, outcomesOf } = check(tcp, [target]);
  await outcomesOf(1);
  const [waiting] = [...timers.running].filter((timer) => timer.ms === tcp.intervalMs);
  checker.update({ ...tcp, timeoutMs: 1_000 }, [target]);
  expect(timers.running.has(waiting!)).toBe(true);
});

test('the first round is over for a set that is or becomes empty', async () => {
  await check(tcp, []).checker.firstRound;
  const silent = await endpoint(() => undefined);
  const { checker } = check(http, [silent]);
  checker.update(http, []);
  await checker.firstRound;
});

test('after stop nothing runs on and nothing is told', async () => {
  const target = await endpoint(() => undefined);
  const { checker, timers, changes } = check(http, [target]);
  checker.stop();
  expect(timers.lengths()).toEqual([]);
  await checker.firstRound;
  expect(changes).toEqual([]);
});

test('an endpoint that is down may be checked more often, also from an edit on', async () => {
  const target = await endpoint((socket) => socket.end());
  const { checker, timers, outcomesOf } = check(http, [target]);
  await outcomesOf(1);
  const intervals = { unhealthyMs: 1_000, unhealthyEdgeMs: 1_000, healthyEdgeMs: http.intervalMs };
  checker.update({ ...http, intervals }, [target]);
  expect(timers.lengths()).not.toContain(http.intervalMs);
  timers.fire(1_000);
  await outcomesOf(2);
  expect(timers.lengths()).toContain(1_000);
});

test('the first check comes within the initial jitter, also when the interval is edited meanwhile', async () => {
  const target = await endpoint((socket) => socket.end());
  const config = { ...tcp, initialJitterMs: 3_000 };
  const { checker, timers, outcomesOf } = check(config, [target], { random: () => 0.5 });
  checker.update({ ...config, intervalMs: 7_000 }, [target]);
  expect(timers.lengths()).toEqual([1_500]);
  timers.fire(1_500);
  expect(await outcomesOf(1)).toEqual(['passed']);
  expect(timers.lengths()).toContain(7_000);
});

test('a cluster without traffic is checked at its own pace, until there was some', async () => {
  const target = await endpoint((socket) => socket.end());
  let hasTraffic = false;
  const { timers, outcomesOf } = check({ ...tcp, noTrafficIntervalMs: 60_000 }, [target], {
    hasTraffic: () => hasTraffic,
  });
  await outcomesOf(1);
  hasTraffic = true;
  timers.fire(60_000);
  await outcomesOf(2);
  timers.fire(tcp.intervalMs);
  await outcomesOf(3);
});

test('an endpoint may be checked at another port and under another host, and that may change', async () => {
  const asked: string[] = [];
  const answering = (name: string) => (socket: net.Socket) => {
    socket.on('data', (chunk) => {
      asked.push(`${name} ${/host: (.*)/.exec(String(chunk))?.[1]}`);
      socket.end('HTTP/1.1 200 OK\r\n\r\n');
    });
  };
  const [a, b] = await Promise.all([endpoint(answering('a')), endpoint(answering('b'))]);
  const at = { address: '', port: b!.port, hostname: 'b.internal', disabled: false };
  const { checker, timers, outcomesOf } = check(http, [{ ...a!, healthCheck: at }]);
  expect(await outcomesOf(1)).toEqual(['passed']);
  checker.update(http, [a!]);
  expect(checker.stateOf(a!.key)).toBe('passing');
  timers.fire(http.intervalMs);
  await outcomesOf(2);
  expect(asked).toEqual(['b b.internal', 'a orders.internal']);
});

test('an endpoint that is not to be checked passes, and is new when it is to be checked after all', async () => {
  const silent = await endpoint(() => undefined);
  const spared = { ...silent, healthCheck: { address: '', port: 0, hostname: '', disabled: true } };
  const { checker, timers } = check(http, [spared]);
  await checker.firstRound;
  expect([checker.stateOf(silent.key), timers.lengths()]).toEqual(['passing', []]);
  checker.update(http, [silent]);
  expect(checker.stateOf(silent.key)).toBe('pending');
  checker.update(http, [spared]);
  expect([checker.stateOf(silent.key), timers.lengths()]).toEqual(['passing', []]);
});
