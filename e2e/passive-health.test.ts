/** Endpoints that fail real requests, from documents to a node of two threads: who is ejected, and for how long. */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Endpoint, type Mood, startEndpoint } from './max-fails/endpoint.ts';
import { failTimeoutMs, fares, requestsOfEight } from './max-fails/fares.ts';
import {
  Cleanup,
  type DataPlaneProcess,
  jsonLines,
  request,
  startControlPlane,
  startDataPlane,
  waitFor,
} from './support/fairlead.ts';

const cleanup = new Cleanup();
let node: DataPlaneProcess;

const clusters: Record<string, Endpoint[]> = {};

beforeAll(async () => {
  const controlPlane = await startControlPlane(cleanup);
  const cluster = async (name: string, moods: readonly Mood[], spec: string): Promise<string> => {
    clusters[name] = await Promise.all(moods.map((mood) => startEndpoint(cleanup, mood)));
    const endpoints = clusters[name].map(({ port }) => `{ address: 127.0.0.1, port: ${port} }`);
    return [
      `{ kind: Cluster, name: ${name}, spec: { endpoints: [${endpoints}], ${spec} } }`,
      `{ kind: Route, name: ${name}, spec: { hosts: [${name}.example.com], to: { cluster: ${name} } } }`,
    ].join('\n---\n');
  };
  const page = await readFile(new URL('../docs/outlier-detection.md', import.meta.url), 'utf8');
  const probe = 'active: { http: { path: /healthz }, interval: 1h }';
  await controlPlane.apply(
    [
      '{ kind: NodeGroup, name: edge }',
      /^```yaml\n(.*?)^```$/ms.exec(page)![1]!,
      '{ kind: Listener, name: public, spec: { groups: edge, address: 127.0.0.1, port: 0 } }',
      await cluster(
        'lying',
        ['error', 'well', 'well'],
        `health: { ${probe}, passive: { consecutive5xx: 4, interval: 300ms, ejectFor: 300ms } }`,
      ),
      await cluster(
        'ill',
        ['error', 'error', 'error', 'well'],
        'balance: { panic: 0% }, health: { passive: { consecutive5xx: 2, maxEjected: 50%, alwaysOne: false } }',
      ),
      await cluster('as-nginx', ['reset', 'well'], 'health: { passive: { maxFails: 3, failTimeout: 1s } }'),
      await cluster('bounded', ['slow'], 'breakers: { connections: 1, pending: 1 }'),
    ].join('\n---\n'),
  );
  node = await startDataPlane(cleanup, controlPlane, 'edge', 'ours', ['--concurrency', '2']);
});

afterAll(() => cleanup.run());

const ask = async (name: string): Promise<number> =>
  (await request(await node.port('public'), { host: `${name}.example.com` })).status;

async function stat(cluster: string, name: string): Promise<number> {
  const text = await (await fetch(`${node.admin}/stats?filter=cluster.${cluster}.${name}`)).text();
  return Number(/: (\d+)$/m.exec(text)?.[1]);
}

/** What the node's log says of an endpoint, in order. */
function outlierEvents(endpoint: Endpoint): string[] {
  return jsonLines<{ upstream_url: string; action: string; type?: string }>(node.program.stderr(), '"event":"outlier"')
    .filter(({ upstream_url }) => upstream_url === endpoint.key)
    .map(({ action, type }) => (type === undefined ? action : `${action} ${type}`));
}

test('an endpoint whose probe is fine while its requests fail is ejected, and taken back when its time is over', async () => {
  const [lying] = clusters['lying']!;
  const events = (): string[] => outlierEvents(lying!);
  await waitFor('an ejection', async () => {
    await ask('lying');
    return events().length > 0 ? true : undefined;
  });
  lying!.mood = 'well';
  expect(events()[0]).toBe('EJECT CONSECUTIVE_5XX');
  await waitFor('its return', () => (events().at(-1) === 'UNEJECT' ? true : undefined));
  const before = lying!.requests;
  await waitFor('a request', async () => {
    await ask('lying');
    return lying!.requests > before ? true : undefined;
  });
  expect(await stat('lying', 'outlier_detection.ejections_enforced_consecutive_5xx')).toBeGreaterThan(0);
});

test('no more than the share that may be is ejected, however many fail', async () => {
  const events = (): string[] => clusters['ill']!.flatMap(outlierEvents);
  await waitFor('two ejections, and one too many', async () => {
    await ask('ill');
    return (await stat('ill', 'outlier_detection.ejections_overflow')) > 0 ? true : undefined;
  });
  await expect.poll(events).toEqual(['EJECT CONSECUTIVE_5XX', 'EJECT CONSECUTIVE_5XX']);
  expect(await stat('ill', 'outlier_detection.ejections_active')).toBe(2);
  const shown = await (await fetch(`${node.admin}/clusters`)).text();
  expect(shown.match(/health_flags::\/failed_outlier_check/g)?.length).toBe(2);
});

test('max_fails and fail_timeout do what `npm run max-fails` shows of nginx', async () => {
  const [failing] = clusters['as-nginx']!;
  const send = (): Promise<number> => ask('as-nginx');
  const beganMs = performance.now();
  await waitFor('an ejection', async () => {
    await send();
    return outlierEvents(failing!).length > 0 ? true : undefined;
  });
  const halts = Math.floor((performance.now() - beganMs) / failTimeoutMs);
  expect(failing!.requests).toBeGreaterThanOrEqual(3);
  // each thread hears of the third failure a moment later; where a second passes, two may be forgotten and one be a trial
  expect(failing!.requests).toBeLessThanOrEqual(5 + 3 * halts);
  for (const { got, atMost } of await fares(failing!, send)) expect(got).toBeLessThanOrEqual(atMost);
  // so it does of the good end of the trial
  await waitFor('its share', async () => ((await requestsOfEight(failing!, send)) >= 3 ? true : undefined));
  await expect.poll(() => outlierEvents(failing!)).toEqual(['EJECT MAX_FAILS', 'UNEJECT']);
});

test('breakers count for all threads together, and say so in stats', async () => {
  const [slow] = clusters['bounded']!;
  let refused = 0;
  const asked = Array.from({ length: 8 }, async () => {
    const status = await ask('bounded');
    if (status === 503) refused++;
    return status;
  });
  // each thread may have one connection; what else waits is one request of the node
  await waitFor('refusals', () => (refused >= 5 && slow!.requests > 0 ? true : undefined));
  expect(await stat('bounded', 'upstream_rq_pending_overflow')).toBeGreaterThan(0);
  expect(await stat('bounded', 'circuit_breakers.default.cx_open')).toBe(1);
  slow!.mood = 'well';
  slow!.release();
  const statuses = await Promise.all(asked);
  expect(statuses.filter((status) => status === 503).length).toBeGreaterThanOrEqual(5);
  expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(1);
  await waitFor('an end', async () => ((await stat('bounded', 'upstream_rq_active')) === 0 ? true : undefined));
  expect(await stat('bounded', 'upstream_rq_pending_active')).toBe(0);
});
