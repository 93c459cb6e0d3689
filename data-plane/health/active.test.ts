import { once } from 'node:events';
import net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { Connection } from '../../proto/http2/connection.ts';
import { errorCodes } from '../../proto/http2/errors.ts';
import { bindSocket, socketWriter } from '../../proto/http2/socket.ts';
import type { EndpointConfig, HealthCheckConfig } from '../model/config.ts';
import { endpointOf } from '../testing.ts';
import { ClusterHealthChecker, type HealthDeps } from './active.ts';
import type { Outcome } from './probe.ts';

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
  return endpointAt((server.address() as net.AddressInfo).port);
}

function endpointAt(port: number): EndpointConfig {
  return endpointOf(port);
}

/** An address that nobody listens on. */
async function deadEndpoint(): Promise<EndpointConfig> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return endpointAt(port);
}

const tcp: HealthCheckConfig = {
  check: { type: 'tcp', send: null, receive: [] },
  intervalMs: 5_000,
  timeoutMs: 2_000,
  unhealthyThreshold: 2,
  healthyThreshold: 2,
  jitterPercent: 0,
  jitterMs: 0,
  initialJitterMs: 0,
  noTrafficIntervalMs: null,
};
const http: HealthCheckConfig = {
  ...tcp,
  check: {
    ...{ type: 'http', method: 'GET', path: '/healthz', host: 'orders.internal', http2: false },
    ...{ expect: [{ start: 200, end: 201 }], retriable: [], headers: [], receive: [] },
  },
};
const http2: HealthCheckConfig = { ...http, check: { ...http.check, http2: true } as HealthCheckConfig['check'] };

function check(config: HealthCheckConfig, endpoints: readonly EndpointConfig[], random = (): number => 0) {
  const timers = new Timers();
  const changes: string[] = [];
  const outcomes: { key: string; outcome: Outcome }[] = [];
  let wake = (): void => undefined;
  const deps: HealthDeps = { connect: (host, port) => net.connect({ host, port }), setTimer: timers.set, random };
  const checker = new ClusterHealthChecker(config, endpoints, deps, {
    onChange: (key, passes) => changes.push(`${key} ${passes}`),
    onOutcome: (key, outcome) => {
      outcomes.push({ key, outcome });
      wake();
    },
  });
  closers.push(() => checker.stop());
  /** The outcomes so far, once there are so many. */
  const outcomesOf = async (count: number): Promise<Outcome[]> => {
    while (outcomes.length < count) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return outcomes.map(({ outcome }) => outcome);
  };
  return { checker, timers, changes, outcomesOf };
}

test('a TCP check passes when the connection stands', async () => {
  const target = await endpoint(() => undefined);
  const { checker, changes } = check(tcp, [target]);
  expect(checker.stateOf(target.key)).toBe('pending');
  await checker.firstRound;
  expect(changes).toEqual([`${target.key} true`]);
});

test('an endpoint that refuses connections fails from the start, without a change', async () => {
  const target = await deadEndpoint();
  const { checker, changes, outcomesOf } = check(tcp, [target]);
  await checker.firstRound;
  expect(await outcomesOf(1)).toEqual(['network']);
  expect(checker.stateOf(target.key)).toBe('failing');
  expect(changes).toEqual([]);
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
  expect(await outcomesOf(1)).toEqual(['pass']);
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
  expect(await outcomesOf(1)).toEqual(['pass']);
  expect(request).toBe(
    'GET /healthz HTTP/1.1\r\nhost: orders.internal\r\nuser-agent: Fairlead/HC\r\nconnection: close\r\n\r\n',
  );
});

test.each<[string, string | null, Outcome]>([
  ['a wrong status', 'HTTP/1.1 503 x\r\n\r\n', 'fail'],
  ['something that is not HTTP', 'hello\r\n\r\n', 'network'],
  ['half a head and the end', 'HTTP/1.1 200 OK\r\n', 'network'],
  ['a reset', null, 'network'],
])('an HTTP check answered with %s (%j) is a failure of kind %s', async (_, answer, outcome) => {
  const target = await endpoint((socket) => {
    socket.on('data', () => (answer === null ? socket.resetAndDestroy() : socket.end(answer)));
  });
  const { outcomesOf } = check(http, [target]);
  expect(await outcomesOf(1)).toEqual([outcome]);
});

test.each([
  ['200', 'pass'],
  ['503', 'fail'],
  ['reset', 'network'],
  ['nothing but HTTP/1.1', 'network'],
])('an HTTP/2 check reads the status of a stream: %s', async (what, outcome) => {
  const asked: string[] = [];
  const ended: Promise<unknown>[] = [];
  const target = await endpoint((socket) => {
    ended.push(once(socket, 'close'));
    if (what.startsWith('nothing')) {
      socket.resume().end('HTTP/1.1 400 Bad Request\r\n\r\n');
      return;
    }
    const connection: Connection = new Connection({
      role: 'server',
      writer: socketWriter(socket),
      handlers: {
        headers(stream, fields) {
          asked.push(...fields.map(({ name, value }) => `${name}: ${value}`));
          if (what === 'reset') stream.reset(errorCodes.REFUSED_STREAM);
          else {
            stream.headers([[':status', '103']], false);
            stream.headers([[':status', what]], true);
          }
        },
        ...{ data() {}, trailers() {}, ended() {}, reset() {}, goAway() {}, closed() {} },
      },
    });
    bindSocket(socket, connection);
  });
  const { outcomesOf } = check(http2, [target]);
  expect(await outcomesOf(1)).toEqual([outcome]);
  const line = [':method: GET', ':scheme: http', ':authority: orders.internal', ':path: /healthz'];
  if (asked.length > 0) expect(asked).toEqual([...line, 'user-agent: Fairlead/HC']);
  // and nothing is left behind
  await Promise.all(ended);
});

test('an endpoint that does not answer fails when the time is up, and its connection is cut', async () => {
  let closed: Promise<unknown> = Promise.resolve();
  const target = await endpoint((socket) => {
    closed = once(socket, 'close');
    socket.on('data', () => timers.fire(http.timeoutMs));
  });
  const { timers, outcomesOf } = check(http, [target]);
  expect(await outcomesOf(1)).toEqual(['network']);
  await closed;
});

test('an endpoint that goes on talking after its verdict is cut when the time is up', async () => {
  let open: net.Socket | undefined;
  const target = await endpoint((socket) => {
    open = socket;
    socket.allowHalfOpen = true;
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\n\r\n'));
  });
  const { timers, outcomesOf } = check(http, [target]);
  expect(await outcomesOf(1)).toEqual(['pass']);
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
  const { timers, outcomesOf } = check({ ...tcp, jitterPercent: 10 }, [target], () => 0.5);
  await outcomesOf(1);
  timers.fire(5_250);
  expect(await outcomesOf(2)).toEqual(['pass', 'pass']);
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
  await round(1);
  up = false;
  await round(2);
  expect(changes).toEqual([`${target.key} true`]);
  await round(3);
  expect(changes).toEqual([`${target.key} true`, `${target.key} false`]);
  up = true;
  await round(4);
  await round(5);
  expect(await outcomesOf(5)).toEqual(['pass', 'network', 'network', 'pass', 'pass']);
  expect(changes).toEqual([`${target.key} true`, `${target.key} false`, `${target.key} true`]);
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
  expect(changes.slice(2)).toEqual([`${c!.key} true`]);
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
