import net from 'node:net';
import { expect, test } from 'vitest';
import { healthCheckOf } from '../health/testing.ts';
import { StatsRegistry } from '../telemetry/registry.ts';
import { clusterStats } from '../telemetry/stats.ts';
import { clusterOf, TestClock } from '../testing.ts';
import { ownChecks } from './checks.ts';

test('every check is counted, and the log has what changed and why', () => {
  const clock = new TestClock();
  const stats = clusterStats(new StatsRegistry(), 'c');
  const sockets: net.Socket[] = [];
  const lines: object[] = [];
  const log = (fields: object, message: string): void => void lines.push({ ...fields, message });
  const checks = ownChecks({
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
  const healthCheck = healthCheckOf({ type: 'tcp', send: null, receive: [] });
  const running = checks({ ...clusterOf([1]), healthCheck }, stats, () => {});
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
