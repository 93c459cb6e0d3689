import net from 'node:net';
import { expect, test } from 'vitest';
import { healthCheckOf } from '../health/testing.ts';
import { StatsRegistry } from '../telemetry/registry.ts';
import { clusterStats } from '../telemetry/stats.ts';
import { clusterOf, TestClock } from '../testing.ts';
import { ownChecks } from './checks.ts';

/** Checks whose connections stand or break as the test says. */
function world() {
  const clock = new TestClock();
  const sockets: net.Socket[] = [];
  const lines: object[] = [];
  const log = (fields: object, message: string): void => void lines.push({ ...fields, message });
  const make = ownChecks({
    connect: () => sockets[sockets.push(new net.Socket()) - 1]!,
    setTimer: (callback, ms) => {
      let isOn = true;
      clock.setTimer(() => isOn && callback(), ms);
      return () => {
        isOn = false;
      };
    },
    random: () => 0,
    hasTraffic: () => true,
    logger: { info: log, warn: log },
  });
  return { clock, sockets, lines, make, stats: clusterStats(new StatsRegistry(), 'c') };
}

const healthCheck = healthCheckOf({ type: 'tcp', send: null, receive: [] });

test('an edit of one endpoint of a thousand, and of thresholds, resets nobody; only who joins is checked at once', () => {
  const { clock, sockets, make, stats } = world();
  const config = { ...clusterOf(Array.from({ length: 1_000 }, (_, i) => i + 1)), healthCheck };
  const running = make(config, stats, () => {});
  sockets.forEach((socket, i) => {
    if (i % 10 === 0) socket.emit('error', Object.assign(new Error(), { code: 'ECONNREFUSED' }));
    else socket.emit('connect');
  });
  const states = () => config.endpoints.map(({ key }) => running.stateOf(key));
  const before = states();
  clock.advance(healthCheck.intervalMs - 1);
  const edited = [...config.endpoints];
  edited[500] = { ...edited[500]!, weight: 7 };
  running.update({ ...healthCheck, unhealthyThreshold: 9 }, [...edited, ...clusterOf([2_000]).endpoints]);
  expect(sockets).toHaveLength(1_001);
  expect(states()).toEqual(before);
  expect(running.stateOf('127.0.0.1:2000')).toBe('pending');
  clock.advance(1);
  expect(sockets).toHaveLength(2_001);
  running.stop();
});

test('every check is counted, and the log has what changed and why', () => {
  const { clock, sockets, lines, make, stats } = world();
  const running = make({ ...clusterOf([1]), healthCheck }, stats, () => {});
  const refuse = (): void => {
    sockets.at(-1)!.emit('error', Object.assign(new Error(), { code: 'ECONNREFUSED' }));
    clock.advance(5_000);
  };
  const accept = (): void => {
    sockets.at(-1)!.emit('connect');
    clock.advance(5_000);
  };
  for (const step of [accept, refuse, refuse, refuse, accept, accept]) step();
  // the one under way is not answered
  clock.advance(2_000);
  expect(stats).toMatchObject({
    healthCheckAttempt: { value: 7 },
    healthCheckSuccess: { value: 3 },
    healthCheckFailure: { value: 4 },
    healthCheckNetworkFailure: { value: 4 },
  });
  const line = { event: 'health_check', cluster: 'c', endpoint: '127.0.0.1:1' };
  expect(lines).toEqual([
    { ...line, state: 'failing', reason: 'connection refused', message: 'endpoint fails its health checks' },
    { ...line, state: 'passing', message: 'endpoint passes its health checks' },
  ]);
  running.stop();
});
