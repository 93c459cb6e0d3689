/** Connections that this machine cannot open: answered, and no fault of the endpoint. */
import net from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { startProxy, talk } from '../proxy-testing.ts';
import { balanceOf, clusterOf, outliersOf } from '../testing.ts';

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  vi.restoreAllMocks();
  for (const one of running.splice(0)) await one.stop();
});

/** The proxy's own connections fail so; those of the test are made. */
function lack(code: string): void {
  const { connect } = net;
  vi.spyOn(net, 'connect').mockImplementation((...args: unknown[]) => {
    const [options] = args;
    if (typeof options !== 'object' || options === null || !('onread' in options))
      return Reflect.apply(connect, net, args);
    const socket = new net.Socket();
    return socket.destroy(Object.assign(new Error(`connect ${code}`), { code }));
  });
}

const policy = {
  type: 'utilization',
  reportExpiryMs: 10_000,
  probationMs: 0,
  probationRequests: 1,
  choices: 2,
} as const;

test.each([
  ['http1', 'EMFILE', 'local', '0/0 1'],
  ['http2', 'EMFILE', 'local', '0/0 1'],
  ['http1', 'ECONNREFUSED', 'remote', '0/1 0.9375'],
  ['http2', 'ECONNREFUSED', 'remote', '0/1 0.9375'],
] as const)('%s: %s is a failure of the %s side, and counts so', async (protocol, code, side, counted) => {
  const balance = balanceOf(policy);
  const proxy = await startProxy({
    cluster: clusterOf([1], { protocol, balance, outlierDetection: outliersOf({ consecutive5xx: 1 }) }),
  });
  running.push(proxy);
  lack(code);
  const said = await talk(proxy.port, 'GET / HTTP/1.1\r\nhost: a\r\n\r\n', (text) => text.endsWith('failure'));
  expect(said).toContain('503 Service Unavailable');
  expect(said).toContain(`reset reason: ${side} connection failure`);
  expect(proxy.log.at(-1)).toMatchObject({
    flags: 'UF',
    details: `upstream_reset_before_response_started{${side}_connection_failure}`,
  });
  const [{ counts, record }] = proxy.cluster.hosts as [(typeof proxy.cluster.hosts)[number]];
  expect(`${counts.successful('external')}/${counts.total('external')} ${record.successShare}`).toBe(counted);
  expect([proxy.cluster.stats.cxConnectFail.value, counts.active, counts.connections]).toEqual([1, 0, 0]);
});
