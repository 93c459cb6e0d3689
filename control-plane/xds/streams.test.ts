/** What clients are told on a real socket, by the case numbers of xds-server-cases.md. */
import { status } from '@grpc/grpc-js';
import { afterEach, describe, expect, test } from 'vitest';
import { ofEachType, pushOrder, typeUrls } from '../../proto/type-urls.ts';
import { limits } from './limits.ts';
import { Harness } from './testing/harness.ts';
import { node } from './testing/raw-client.ts';
import type { Contents } from './testing/snapshots.ts';
import { StalledClient } from './testing/stalled-client.ts';
import { ownServices } from './testing/stream-path.ts';

const whole: Contents = ofEachType(() => ({ a: 1, b: 1 }));

let harness: Harness;

async function start(contents?: Contents): Promise<void> {
  harness = await Harness.start(contents);
}

// the counter check of the conformance suite runs in every test
afterEach(() => harness.stop());

describe.each(['sotw', 'delta'] as const)('%s', (variant) => {
  describe.each(pushOrder)('%s', (type) => {
    const hasOwn = ownServices(variant).includes(type);
    const services = hasOwn ? (['ads', type] as const) : (['ads'] as const);

    test.each(services)('1. the first request is answered with a complete envelope, on %s', async (on) => {
      await start(whole);
      const response = await harness.open(variant, on).subscribe(type, ['a']).take();
      expect(response).toMatchObject({ typeUrl: typeUrls[type], resources: ['a'] });
      expect(response.version).not.toBe('');
      expect(response.nonce).not.toBe('');
      if (variant === 'delta') expect(response.versions['a']).toMatch(/^[0-9a-f]{16}$/);
    });

    test.each(services)('2. 16. 53. updates come, ACKs are not answered, on %s', async (on) => {
      await start(whole);
      const stream = harness.open(variant, on).subscribe(type, ['a']);
      const first = await stream.take();
      harness.publish({ ...whole, [type]: { a: 2, b: 1 } });
      const second = await stream.take();
      expect(second.resources).toEqual(['a']);
      expect(second.version).not.toBe(first.version);
      expect(second.nonce).not.toBe(first.nonce);
    });

    test.runIf(hasOwn)(
      '3. the type need not be named on a service of its own, and is named in the response',
      async () => {
        await start(whole);
        const stream = harness.open(variant, type);
        if (variant === 'sotw') stream.sotw({ node, resource_names: ['a'] });
        else stream.delta({ node, resource_names_subscribe: ['a'] });
        const response = await stream.next();
        expect(response).toMatchObject({ typeUrl: typeUrls[type], resources: ['a'] });
        harness.observer.lines.length = 0;
        if (variant === 'sotw') stream.sotw({ resource_names: ['a'], response_nonce: response.nonce });
        else stream.delta({ response_nonce: response.nonce });
        await harness.observer.until(() => harness.observer.lines.length > 0);
        expect(harness.observer.lines).toEqual([`acked ${type} 1`]);
      },
    );

    test.runIf(hasOwn)('9. a service of one type refuses the others, and says where they are', async () => {
      await start(whole);
      const other = type === 'routes' ? 'clusters' : 'routes';
      const stream = harness.open(variant, type).subscribe(other, ['a']);
      const { code, details } = await stream.ended;
      expect(code).toBe(status.INVALID_ARGUMENT);
      expect(details).toContain(typeUrls[type]);
    });

    test('7. 42. 63. a reconnecting client is answered, whatever nonce it brings from its last stream', async () => {
      await start(whole);
      const before = await harness.open(variant).subscribe(type, ['a', 'b']).take();
      const again = harness.open(variant);
      const common = { node, type_url: typeUrls[type], response_nonce: before.nonce };
      if (variant === 'sotw') again.sotw({ ...common, version_info: before.version, resource_names: ['a', 'b'] });
      else {
        const held = { b: before.versions['b'] ?? '' };
        again.delta({ ...common, resource_names_subscribe: ['a', 'b'], initial_resource_versions: held });
      }
      const response = await again.take();
      expect(response.resources).toEqual(variant === 'sotw' ? ['a', 'b'] : ['a']);
    });

    test('35. 37. 66. a NACK is noted with its reason and not answered until the content changes', async () => {
      await start(whole);
      const stream = harness.open(variant).subscribe(type, ['a']);
      stream.answer(await stream.next(), 'field 7 is odd');
      await harness.settled(stream);
      expect(harness.observer.lines.at(-1)).toBe(`nacked ${type} 1 field 7 is odd`);
      harness.publish({ ...whole, [type]: { a: 3, b: 1 } });
      expect((await stream.take()).resources).toEqual(['a']);
    });

    test('23. 56. after unsubscribing there is silence', async () => {
      await start(whole);
      const stream = harness.open(variant).subscribe(type, ['a']);
      const { nonce } = await stream.take();
      const common = { type_url: typeUrls[type], response_nonce: nonce };
      if (variant === 'sotw') stream.sotw({ ...common, resource_names: [] });
      else stream.delta({ ...common, resource_names_unsubscribe: ['a'] });
      await harness.settled(stream);
      harness.publish({ ...whole, [type]: { a: 2, b: 1 } });
      await harness.settled(stream);
      expect(harness.observer.lines.filter((line) => line.startsWith('sent'))).toHaveLength(1);
    });
  });

  test('4. on the aggregated service the type must be named', async () => {
    await start(whole);
    const stream = harness.open(variant);
    if (variant === 'sotw') stream.sotw({ node });
    else stream.delta({ node });
    expect(await stream.ended).toMatchObject({ code: status.INVALID_ARGUMENT });
    const later = harness.open(variant).subscribe('clusters');
    await later.take();
    later.ask('');
    const { code, details } = await later.ended;
    expect(code).toBe(status.INVALID_ARGUMENT);
    expect(details).toContain('type_url');
  });

  test('5. 45. the node is needed once; what is asked at once is answered in push order', async () => {
    await start(whole);
    const stream = harness.open(variant);
    stream.subscribe('clusters', ['a']);
    for (const type of pushOrder.slice(1).toReversed()) stream.subscribe(type, ['a'], false);
    const types = [];
    for (const _ of pushOrder) types.push(await stream.takeType());
    expect(types.sort()).toEqual(pushOrder.toSorted());
    await harness.settled(stream);
    harness.publish(ofEachType(() => ({ a: 2 })));
    for (const type of pushOrder) expect(await stream.takeType()).toBe(type);
  });

  test('8. types that are not served leave the stream open and quiet', async () => {
    await start(whole);
    const stream = harness.open(variant);
    const unknown = (name: string) =>
      variant === 'sotw' ? { resource_names: [name] } : { resource_names_subscribe: [name] };
    for (let i = 0; i < 10; i++) {
      const request = { type_url: `type.googleapis.com/unknown-type-${i % 2}`, ...unknown(`r${i}`), node };
      if (variant === 'sotw') stream.sotw(request);
      else stream.delta(request);
    }
    stream.subscribe('clusters');
    expect((await stream.take()).resources).toEqual(['a', 'b']);
    expect(harness.observer.lines).toEqual(['opened n1', 'sent clusters 1']);
  });

  test('11. a group that does not exist yet is waited for', async () => {
    await start();
    const stream = harness.open(variant);
    for (const type of pushOrder) stream.subscribe(type, ['a']);
    await harness.settled(stream);
    expect(harness.observer.lines).toEqual(['opened n1']);
    harness.publish(whole);
    for (const type of pushOrder) expect(await stream.takeType()).toBe(type);
  });

  test('32. 67. an unknown nonce: no answer in one variant, subscriptions all the same in the other', async () => {
    await start(whole);
    const stream = harness.open(variant).subscribe('routes', ['a']);
    await stream.take();
    const common = { type_url: typeUrls.routes, response_nonce: 'xyz' };
    if (variant === 'sotw') {
      stream.sotw({ ...common, resource_names: ['a', 'b'] });
      await harness.settled(stream);
      expect(harness.observer.count('sent routes 2')).toBe(0);
    } else {
      stream.delta({ ...common, resource_names_subscribe: ['b'] });
      expect((await stream.take()).resources).toEqual(['b']);
    }
  });

  test('44. a changed cluster brings its endpoints again', async () => {
    await start(whole);
    const stream = harness.open(variant).subscribe('clusters');
    await stream.take();
    await stream.subscribe('endpoints', ['a', 'b'], false).take();
    await harness.settled(stream);
    harness.publish({ ...whole, clusters: { a: 2, b: 1 } });
    expect(await stream.take()).toMatchObject({ typeUrl: typeUrls.clusters });
    expect(await stream.take()).toMatchObject({ typeUrl: typeUrls.endpoints, resources: ['a'] });
  });

  test('49. changes merge behind an un-ACKed response and go after 500 ms', async () => {
    await start(whole);
    const stream = harness.open(variant).subscribe('clusters');
    const first = await stream.next();
    harness.publish({ ...whole, clusters: { a: 2, b: 1 } });
    harness.publish({ ...whole, clusters: { a: 3, b: 1 } });
    await harness.settled(stream);
    expect(harness.observer.lines).toEqual(['opened n1', 'sent clusters 1', 'waiting clusters']);
    harness.timers.advance(500);
    const second = await stream.next();
    stream.answer(first).answer(second);
    await harness.settled(stream);
    expect(harness.observer.lines.slice(3)).toEqual(['sent clusters 2', 'acked clusters 1', 'acked clusters 2']);
  });

  test('49. a change that is taken back before it went out leaves nothing waiting', async () => {
    await start(whole);
    const before = harness.cache.get('edge');
    const stream = harness.open(variant).subscribe('clusters');
    const first = await stream.next();
    harness.publish({ ...whole, clusters: { a: 2, b: 1 } });
    await harness.settled(stream);
    if (before !== undefined) harness.cache.set(before);
    await harness.settled(stream);
    expect(harness.observer.lines.slice(2)).toEqual(['waiting clusters', 'current clusters']);
    stream.answer(first);
  });

  test('49. a client that does not read costs nobody anything, and catches up in one step', async () => {
    // more than the window of an HTTP/2 stream holds
    const names = Array.from({ length: 3000 }, (_, i) => `endpoint-${i}`);
    const contents = (content: number): Contents => ({
      endpoints: Object.fromEntries(names.map((name) => [name, content])),
      routes: { a: content },
    });
    await start(contents(1));
    const stalled = new StalledClient(harness.server.address, variant, 'endpoints', ['*']);
    await harness.observer.until(() => harness.observer.count('sent endpoints 1') === 1);
    const reader = harness.open(variant).subscribe('routes', ['a']);
    await reader.take();
    for (let content = 2; content <= 5; content++) {
      harness.publish(contents(content));
      expect((await reader.take()).resources).toEqual(['a']);
      harness.timers.advance(500);
    }
    expect(harness.observer.count('sent endpoints 1')).toBe(1);
    expect(harness.observer.count('sent endpoints 2')).toBe(0);
    const { version } = harness.cache.get('edge')?.types.endpoints ?? {};
    const responses = await stalled.readUntil((response) => response.version === version);
    expect(responses.map(({ resources }) => resources.length)).toEqual([names.length, names.length]);
    stalled.close();
  });

  test('a fleet that joins and does not read gets responses up to the bound, and the rest a moment later', async () => {
    const names = Array.from({ length: 12_000 }, (_, i) => `endpoint-${i}`);
    const contents = { endpoints: Object.fromEntries(names.map((name) => [name, 1])) };
    // all of them at once, as far as admission goes
    const joins = { ...limits.joins, inWork: 100 };
    harness = await Harness.start(contents, undefined, undefined, { joins });
    const client = () => new StalledClient(harness.server.address, variant, 'endpoints', ['*', ...names]);
    const [first] = [client()];
    await harness.observer.until(() => harness.observer.count('sent endpoints 1') === 1);
    const fleet = Array.from({ length: 60 }, client);
    await harness.observer.until(() => harness.observer.open.size === 61);
    const reader = harness.open(variant);
    await harness.settled(reader.subscribe('clusters', ['x']));
    const sent = harness.observer.count('sent endpoints 1');
    expect(sent).toBeGreaterThan(1);
    expect(sent).toBeLessThan(61);
    harness.timers.advance(limits.inFlight.patienceMs);
    await harness.observer.until(() => harness.observer.count('sent endpoints 1') > sent);
    for (const one of [first, ...fleet]) one?.close();
  });

  test('A4. a connection that breaks under a response releases its stream', async () => {
    const names = Array.from({ length: 3000 }, (_, i) => `endpoint-${i}`);
    await start({ endpoints: Object.fromEntries(names.map((name) => [name, 1])) });
    const stalled = new StalledClient(harness.server.address, variant, 'endpoints', ['*']);
    await harness.observer.until(() => harness.observer.count('sent endpoints 1') === 1);
    stalled.close();
    await harness.observer.until(() => harness.observer.open.size === 0);
    expect(harness.watches).toBe(0);
  });
});
