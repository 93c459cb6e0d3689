/** Filters as users have them: faults on our node and on Envoy, and the filter of docs/filters.md, from its page to the wire. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { startEnvoy } from './support/envoy.ts';
import {
  Cleanup,
  request,
  run,
  startBackend,
  startControlPlane,
  startDataPlane,
  startProgram,
  temporaryFolder,
  waitFor,
} from './support/fairlead.ts';
import { requirePeer } from './support/peers.ts';

const here = requirePeer('envoy');
const cleanup = new Cleanup();
afterAll(() => cleanup.run());

const group = { kind: 'NodeGroup', name: 'edge', spec: { tier: 'l7' } };
const listener = { kind: 'Listener', name: 'public', spec: { groups: ['edge'], address: '127.0.0.1', port: 0 } };
const lines = (documents: readonly object[]): string => documents.map((one) => JSON.stringify(one)).join('\n---\n');

/** What stands in the page between the fences that begin so. */
async function fenced(opening: string): Promise<string[]> {
  const page = await readFile(new URL('../docs/filters.md', import.meta.url), 'utf8');
  return [...page.matchAll(/^```([^\n]*)\n(.*?)^```$/gms)].flatMap(([, info, text]) =>
    info === opening ? [text!] : [],
  );
}

test.skipIf(!here)('faults are the same on our node and on Envoy', async () => {
  const controlPlane = await startControlPlane(cleanup);
  const { port } = await startBackend(cleanup, 'a');
  const faulty = (name: string, fault: object, action: object = { to: { cluster: 'a' } }) => ({
    kind: 'Route',
    name,
    spec: { hosts: ['*'], match: { path: { prefix: `/${name}` } }, filters: { fault }, ...action },
  });
  await controlPlane.apply(
    lines([
      group,
      listener,
      { kind: 'Cluster', name: 'a', spec: { endpoints: { address: '127.0.0.1', port } } },
      faulty('abort', { abort: { status: 418 } }),
      faulty('never', { abort: { status: 418, fraction: '0%' }, delay: { fixed: '1h', fraction: '0%' } }),
      faulty('late', { delay: { fixed: '20ms' } }),
      faulty('both', { delay: { fixed: '20ms' }, abort: { status: 503 } }),
      faulty('text', { abort: { status: 500 } }, { respond: { status: 200, body: 'text' } }),
      faulty('away', { abort: { status: 404 } }, { redirect: { path: '/' } }),
    ]),
  );
  const ours = await (await startDataPlane(cleanup, controlPlane, 'edge', 'ours')).port('public');
  const bootstrap = await run(
    ['bootstrap', 'envoy', '--group', 'edge', '--id', 'envoy', '--xds', controlPlane.xds],
    controlPlane.env,
  );
  const envoy = await startEnvoy({ bootstrap: bootstrap.stdout });
  cleanup.add(() => envoy.stop());
  const theirs = await waitFor('the listener of Envoy', () => envoy.listenerPort('public').catch(() => undefined));
  const answered = async (at: number, options: Parameters<typeof request>[1]): Promise<unknown> => {
    const { status, body, headers } = await request(at, options);
    return { status, body: body.startsWith('{') ? 'the backend' : body, type: headers['content-type'] };
  };
  for (const name of ['abort', 'never', 'late', 'both', 'text', 'away']) {
    for (const more of [{}, { method: 'POST', body: 'x'.repeat(100_000) }]) {
      const options = { path: `/${name}`, ...more };
      expect(await answered(ours, options), `${name} ${JSON.stringify(more).slice(0, 20)}`).toEqual(
        await answered(theirs, options),
      );
    }
  }
});

describe('a filter of one own', () => {
  test('the example of the page is loaded, named by a listener, and at work on the wire', async () => {
    const controlPlane = await startControlPlane(cleanup);
    const { port } = await startBackend(cleanup, 'a');
    const folder = await temporaryFolder(cleanup);
    const file = path.join(folder, 'keys.ts');
    await writeFile(file, (await fenced('ts file=keys.ts'))[0]!);
    const documents = (await fenced('yaml')).map((text) => parse(text) as { kind: string; spec: { port?: number } });
    const named = documents.find(({ kind }) => kind === 'Listener')!;
    named.spec = { ...named.spec, ...{ address: '127.0.0.1', port: 0 } };
    const rest = [
      group,
      { kind: 'Cluster', name: 'a', spec: { endpoints: { address: '127.0.0.1', port } } },
      { kind: 'Route', name: 'a', spec: { hosts: ['*'], to: { cluster: 'a' } } },
    ];
    await controlPlane.apply(lines([...rest, named]));
    const node = await startDataPlane(cleanup, controlPlane, 'edge', 'ours', ['--filter', file]);
    const at = await node.port('public');

    const refused = await request(at, { path: '/', method: 'POST', body: 'hello' });
    expect([refused.status, refused.body, refused.headers['www-authenticate'], refused.headers['x-served']]).toEqual([
      ...[401, 'a key is missing', 'Key', 'nobody, 401, 0 bytes'],
    ]);
    const served = await request(at, { path: '/x', method: 'POST', body: 'hello', headers: { 'x-key': 'k-1' } });
    expect([served.status, served.headers['x-served']]).toEqual([200, 'acme, 200, 5 bytes']);
    const { headers } = JSON.parse(served.body) as { headers: Record<string, string> };
    expect([headers['x-customer'], headers['x-key']]).toEqual(['acme', undefined]);

    // settings that the filter refuses: the node says so, and goes on as before
    const spoilt = { ...named, spec: { ...named.spec, filters: { name: 'keys', settings: { key: 1 } } } };
    await controlPlane.apply(lines([spoilt]));
    const error = await waitFor('the refusal', async () => {
      const seen = await controlPlane.rest<{ types: { listeners: { error?: string } } }>('GET', '/v1/nodes/ours');
      return seen.types.listeners.error || undefined;
    });
    expect(error).toContain('the filter keys refuses its settings: `keys` is missing: write { KEY: CUSTOMER }');
    expect((await request(at, { headers: { 'x-key': 'k-1' } })).status).toBe(200);
  });

  test.each([
    ['export const filters = [{ name: "x" }];', 'has no filters: write `export const filters = [{ name, create }]`'],
    ['export const filters = [{ name: "fault", create() {} }];', 'the name fault is taken'],
    ['throw new Error("no luck");', "can't be loaded: no luck"],
  ])('a file that says %s is no file of filters, and the node says why', async (text, reason) => {
    const file = path.join(await temporaryFolder(cleanup), 'x.js');
    await writeFile(file, text);
    const program = startProgram(['data-plane', '--group', 'edge', '--id', 'x', '--filter', file], {});
    expect(await program.ended).toBe(2);
    expect(program.stderr()).toContain(reason);
  });
});
