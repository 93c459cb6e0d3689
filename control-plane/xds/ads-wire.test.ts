/** What the types of one aggregated stream owe each other, as a client on a real socket meets it; xds-server-cases.md. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { typeUrls, type XdsType, xdsTypeOf } from '../../proto/type-urls.ts';
import { Harness } from './testing/harness.ts';
import { node, type RawStream, type Received } from './testing/raw-client.ts';
import type { Contents } from './testing/snapshots.ts';

const whole: Contents = {
  clusters: { x: 1 },
  endpoints: { x: 1 },
  listeners: { public: 1 },
  routes: { public: 'x' },
};

let harness: Harness;

beforeEach(async () => {
  harness = await Harness.start(whole);
});
// the counter check of the conformance suite runs in every test
afterEach(() => harness.stop());

const short = ({ typeUrl, resources, removed }: Received): string =>
  [xdsTypeOf(typeUrl), ...resources, ...removed.map((name) => `-${name}`)].join(' ');

describe.each(['sotw', 'delta'] as const)('%s on ads', (variant) => {
  /** A node that took everything; endpoints of `y` are asked for already. */
  async function settled(): Promise<RawStream> {
    const stream = harness.open(variant).subscribe('clusters');
    await stream.take();
    await stream.subscribe('endpoints', ['x', 'y'], false).take();
    await stream.subscribe('listeners', [], false).take();
    await stream.subscribe('routes', ['public'], false).take();
    await harness.settled(stream);
    return stream;
  }

  const sent = (): string[] => harness.observer.lines.filter((line) => line.startsWith('sent'));

  const moved: Contents = { ...whole, clusters: { y: 1 }, endpoints: { y: 1 }, routes: { public: 'y' } };

  test('46. a move: the new cluster, its endpoints, the routes, and when they are ACKed the end of the old one', async () => {
    const stream = await settled();
    harness.publish(moved);
    const clusters = await stream.next();
    const endpoints = await stream.next();
    expect([short(clusters), short(endpoints)]).toEqual([
      variant === 'sotw' ? 'clusters x y' : 'clusters y',
      'endpoints y',
    ]);
    await harness.settled(stream);
    const before = sent().length;
    stream.answer(clusters).answer(endpoints);
    const routes = await stream.next();
    expect(short(routes)).toBe('routes public');
    await harness.settled(stream);
    expect(sent()).toHaveLength(before + 1);
    stream.answer(routes);
    expect(short(await stream.take())).toBe(variant === 'sotw' ? 'clusters y' : 'clusters -x');
    if (variant === 'delta') expect(short(await stream.take())).toBe('endpoints -x');
    await harness.settled(stream);
    expect(sent()).toHaveLength(before + (variant === 'delta' ? 3 : 2));
  });

  test('46. 49. a client that ACKs nothing gets the same in the same order: what is new after 500 ms, removals after 15 s', async () => {
    const stream = await settled();
    harness.publish(moved);
    const responses = [await stream.next(), await stream.next()];
    for (const waitMs of [500, 15_000]) {
      await harness.settled(stream);
      harness.timers.advance(waitMs);
      responses.push(await stream.next());
    }
    expect(responses.map(short)).toEqual(
      variant === 'sotw'
        ? ['clusters x y', 'endpoints y', 'routes public', 'clusters y']
        : ['clusters y', 'endpoints y', 'routes public', 'clusters -x'],
    );
    for (const response of responses) stream.answer(response);
    if (variant === 'delta') expect(short(await stream.take())).toBe('endpoints -x');
  });

  test('10. of two types only the one that changed is told of, whichever was asked for first', async () => {
    for (const types of [
      ['clusters', 'listeners'],
      ['listeners', 'clusters'],
      ['routes', 'endpoints'],
      ['endpoints', 'routes'],
    ] as const) {
      const abc = { a: 1, b: 1, c: 1 };
      harness.publish({ clusters: abc, endpoints: abc, listeners: abc, routes: abc });
      const stream = harness.open(variant);
      for (const [index, type] of types.entries()) {
        expect(short(await stream.subscribe(type, ['b'], index === 0).take())).toBe(`${type} b`);
      }
      await harness.settled(stream);
      const before = sent().length;
      harness.publish({ clusters: abc, endpoints: abc, listeners: abc, routes: abc, [types[0]]: { ...abc, b: 2 } });
      expect(short(await stream.take())).toBe(`${types[0]} b`);
      await harness.settled(stream);
      expect(sent()).toHaveLength(before + 1);
      stream.cancel();
      await stream.ended;
    }
  });

  test('48. endpoints are answered before their cluster has its ACK', async () => {
    const stream = harness.open(variant).subscribe('clusters');
    const clusters = await stream.next();
    expect(short(await stream.subscribe('endpoints', ['x'], false).take())).toBe('endpoints x');
    stream.answer(clusters);
  });

  test('43. 69. endpoints asked for before clusters come again after them', async () => {
    const stream = harness.open(variant);
    const held = harness.cache.get('edge')?.types;
    const version = (type: XdsType): string => held?.[type].resources.get('x')?.version ?? '';
    const common = { type_url: typeUrls.endpoints, response_nonce: 'of an earlier stream', node };
    if (variant === 'sotw') stream.sotw({ ...common, resource_names: ['x'] });
    else stream.delta({ ...common, resource_names_subscribe: ['x'], initial_resource_versions: { x: 'old' } });
    const first = await stream.next();
    if (variant === 'sotw') stream.subscribe('clusters', [], false);
    else stream.delta({ type_url: typeUrls.clusters, initial_resource_versions: { x: version('clusters') } });
    expect(short(await stream.take())).toBe(variant === 'sotw' ? 'clusters x' : 'clusters');
    stream.answer(first);
    expect(short(await stream.take())).toBe('endpoints x');
    await harness.settled(stream);
    expect(sent()).toHaveLength(3);
  });
});
