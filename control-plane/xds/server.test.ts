/** The life of the server and its streams, by the case numbers of xds-server-cases.md (annex). */
import { status } from '@grpc/grpc-js';
import { afterEach, describe, expect, test } from 'vitest';
import { ofEachType, pushOrder, typeUrls } from '../../proto/type-urls.ts';
import { SnapshotCache } from '../snapshot/cache.ts';
import type { AuthorizeStream } from './ports.ts';
import { startXdsServer, type XdsServer, XdsServerError } from './server.ts';
import { Harness } from './testing/harness.ts';
import { ManualTimers } from './testing/manual-timers.ts';
import { node } from './testing/raw-client.ts';
import { Recorder } from './testing/recorder.ts';
import { type Contents, snapshotOf } from './testing/snapshots.ts';
import { ownServices } from './testing/stream-path.ts';

const whole: Contents = ofEachType(() => ({ a: 1, b: 1 }));

let harness: Harness;

async function start(contents?: Contents, authorize?: AuthorizeStream): Promise<void> {
  harness = await Harness.start(contents, authorize);
}

// the counter check of the conformance suite runs in every test
afterEach(() => harness.stop());

describe.each(['sotw', 'delta'] as const)('%s', (variant) => {
  test('A1. another node midway changes nothing', async () => {
    await start(whole);
    harness.cache.set(snapshotOf({ routes: { secret: 1 } }, undefined, 'other'));
    const stream = harness.open(variant).subscribe('clusters');
    await stream.take();
    const names = variant === 'sotw' ? { resource_names: ['a'] } : { resource_names_subscribe: ['a'] };
    const request = { type_url: typeUrls.routes, ...names, node: { ...node, cluster: 'other' } };
    if (variant === 'sotw') stream.sotw(request);
    else stream.delta(request);
    expect((await stream.take()).resources).toEqual(['a']);
  });

  test.each(['half-close', 'cancel'] as const)('A2. a %s of the client releases everything', async (how) => {
    await start(whole);
    const stream = harness.open(variant);
    for (const type of pushOrder) stream.subscribe(type, ['a']);
    for (const _ of pushOrder) await stream.take();
    await harness.settled(stream);
    if (how === 'cancel') stream.cancel();
    else stream.halfClose();
    expect((await stream.ended).code).toBe(how === 'cancel' ? status.CANCELLED : status.OK);
    await harness.observer.until(() => harness.observer.open.size === 0);
    expect(harness.watches).toBe(0);
    expect(harness.timers.pending).toBe(0);
    const lines = harness.observer.lines.length;
    harness.publish({ ...whole, clusters: { a: 9 } });
    await harness.open(variant).subscribe('clusters').take();
    expect(harness.observer.lines.slice(lines)).toEqual(['opened n1', 'sent clusters 1']);
  });

  test('A3. a shutdown ends every stream without an error', async () => {
    await start(whole);
    const streams = [harness.open(variant).subscribe('clusters')];
    for (const type of ownServices(variant)) streams.push(harness.open(variant, type).subscribe(type, ['a']));
    for (const stream of streams) await stream.take();
    await harness.observer.until(() => harness.observer.verdicts === streams.length);
    // whoever is still there when the time is over would not be told OK
    await harness.server.close(1000);
    for (const stream of streams) expect((await stream.ended).code).toBe(status.OK);
    expect(harness.observer.open.size).toBe(0);
  });

  test.each([
    ['unauthenticated', status.UNAUTHENTICATED],
    ['permission-denied', status.PERMISSION_DENIED],
  ] as const)(
    'A5. a stream that is refused as %s ends with the sentence that says what to do',
    async (code, number) => {
      await start(whole, async () => ({ ok: false, code, message: 'Create a token with the role node:edge' }));
      const stream = harness.open(variant).subscribe('clusters').subscribe('endpoints', ['a']);
      expect(await stream.ended).toMatchObject({ code: number, details: 'Create a token with the role node:edge' });
      expect(stream.responses).toBe(0);
      expect(harness.observer.lines).toEqual([]);
    },
  );

  test('A5. while it is not known who asks, nothing more is read; then everything is answered', async () => {
    const admission = Promise.withResolvers<{ readonly ok: true }>();
    let asked = 0;
    await start(whole, (token) => {
      if (token !== 'slow') return Promise.resolve({ ok: true });
      asked += 1;
      return admission.promise;
    });
    const connection = harness.connect();
    const stream = connection.open(variant, 'ads', 'slow');
    for (const type of pushOrder) stream.subscribe(type, ['a']);
    // round trips behind it on the same connection: by then all of the above are there
    for (let trip = 0; trip < 3; trip++) await connection.open(variant).subscribe('clusters').take();
    expect(harness.observer.lines.filter((line) => line.startsWith('opened'))).toHaveLength(3);
    admission.resolve({ ok: true });
    for (const _ of pushOrder) await stream.take();
    expect(asked).toBe(1);
    expect(harness.observer.lines.filter((line) => line.startsWith('opened'))).toHaveLength(4);
  });

  test('A5. the token comes from the authorization header or from the node', async () => {
    const asked: unknown[] = [];
    await start(whole, async (token, identity) => {
      asked.push([token, identity]);
      return { ok: true };
    });
    const identity = { id: 'n1', group: 'edge', userAgent: 'raw 1', zone: '' };
    await harness.open(variant, 'ads', 'from-header').subscribe('clusters').take();
    const metadata = { fields: { 'fairlead.token': { stringValue: 'from-node' } } };
    const request = { type_url: typeUrls.clusters, node: { ...node, metadata } };
    const stream = harness.open(variant);
    if (variant === 'sotw') stream.sotw(request);
    else stream.delta(request);
    await stream.take();
    await harness.open(variant).subscribe('clusters').take();
    expect(asked).toEqual([
      ['from-header', identity],
      ['from-node', identity],
      [undefined, identity],
    ]);
  });

  test('A5. a check that fails is no verdict: the client may try again', async () => {
    await start(whole, () => Promise.reject(new Error('the database is gone')));
    const stream = harness.open(variant).subscribe('clusters');
    const { code, details } = await stream.ended;
    expect(code).toBe(status.UNAVAILABLE);
    expect(details).not.toContain('database');
    expect(harness.errors.splice(0)).toHaveLength(1);
  });

  test('a fault of ours at the beginning of a stream ends that stream, and no other', async () => {
    await start(whole);
    const { opened } = harness.observer;
    harness.observer.opened = () => {
      throw new Error('a bug');
    };
    const { code, details } = await harness.open(variant).subscribe('clusters').ended;
    expect(code).toBe(status.INTERNAL);
    expect(details).toContain('its log has the cause');
    expect(harness.errors.splice(0)).toEqual([expect.stringContaining('a stream failed')]);
    harness.observer.opened = opened;
    await harness.open(variant).subscribe('clusters').take();
  });

  test('A6. of two streams of one node the one that stays open is served', async () => {
    await start(whole);
    const first = harness.open(variant).subscribe('clusters');
    await first.take();
    const second = harness.open(variant).subscribe('clusters');
    await second.take();
    first.cancel();
    await harness.observer.until(() => harness.observer.open.size === 1);
    harness.publish({ ...whole, clusters: { a: 2, b: 1 } });
    expect((await second.take()).resources).toContain('a');
  });

  test.each([
    ['node.id', { id: '', cluster: 'edge' }],
    ['node.cluster', { id: 'n1', cluster: '' }],
    ['node.id', { id: 'n'.repeat(257), cluster: 'edge' }],
  ])('a node without a usable %s is told so', async (field, wrong) => {
    await start(whole);
    const stream = harness.open(variant);
    const request = { type_url: typeUrls.clusters, node: wrong };
    if (variant === 'sotw') stream.sotw(request);
    else stream.delta(request);
    const { code, details } = await stream.ended;
    expect(code).toBe(status.INVALID_ARGUMENT);
    expect(details).toContain(field);
  });

  test('bytes that are no request end the stream, and no other', async () => {
    await start(whole);
    const healthy = harness.open(variant).subscribe('clusters');
    await healthy.take();
    const stream = harness.open(variant);
    stream.sendBytes(Buffer.from([0x0a, 0xff, 0xff]));
    expect((await stream.ended).code).toBe(status.INVALID_ARGUMENT);
    harness.publish({ ...whole, clusters: { a: 2, b: 1 } });
    await healthy.take();
  });

  test('a stream on which nobody says who it is ends after a while, and no other', async () => {
    await start(whole);
    const known = harness.open(variant).subscribe('clusters');
    await known.take();
    const stream = harness.open(variant);
    await harness.timers.untilPending(1);
    harness.timers.advance(30_000);
    expect((await stream.ended).code).toBe(status.DEADLINE_EXCEEDED);
    harness.publish({ ...whole, clusters: { a: 2, b: 1 } });
    await known.take();
  });
});

function listenOn(address: { host: string; port: number }): Promise<XdsServer> {
  return startXdsServer({
    address,
    source: new SnapshotCache(),
    authorize: async () => ({ ok: true }),
    authorizeStatus: async () => ({ ok: true }),
    observer: new Recorder(),
    loads: { reported() {}, ended() {} },
    healths: { reported() {}, ended() {} },
    states: { joined() {}, reported() {}, ended() {} },
    elsewhere: () => [],
    timers: new ManualTimers(),
  });
}

test('a port that is in use is named, with what to do', async () => {
  await start(whole);
  const { address } = harness.server;
  const second = listenOn(address);
  await expect(second).rejects.toMatchObject({ code: 'address-in-use', remedy: expect.stringContaining('--xds') });
  await expect(second).rejects.toBeInstanceOf(XdsServerError);
  await expect(second).rejects.toThrow(`127.0.0.1:${address.port}`);
});

test('an address of another machine is named, with what to do', async () => {
  await start(whole);
  const elsewhere = listenOn({ host: '192.0.2.1', port: 0 });
  await expect(elsewhere).rejects.toMatchObject({ code: 'address-unavailable' });
});
