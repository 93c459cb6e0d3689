/** Times to live and heartbeats: case 70 of xds-server-cases.md. */
import { afterEach, describe, expect, test } from 'vitest';
import { pushOrder, typeUrls } from '../../proto/type-urls.ts';
import type { Variant, XdsType } from './ports.ts';
import { takesTtl } from './requests.ts';
import { Conversation } from './testing/conversation.ts';
import { Harness } from './testing/harness.ts';
import { node, type RawStream, type Received } from './testing/raw-client.ts';
import type { Contents } from './testing/snapshots.ts';

const both = ['sotw', 'delta'] as const;
const ttlFeature = 'xds.config.supports-resource-ttl';
const sotwFeature = 'xds.config.supports-resource-in-sotw';
const ttlMs = 3_000;
const beatMs = ttlMs / 3;

test.each([
  ['delta', [], false],
  ['delta', [sotwFeature], false],
  ['delta', [ttlFeature], true],
  ['sotw', [ttlFeature], false],
  ['sotw', [ttlFeature, sotwFeature], true],
] as const)('70. %s with the features %j takes heartbeats: %s', (variant, features, takes) => {
  expect(takesTtl(variant, features)).toBe(takes);
});

describe.each(both)('%s', (variant) => {
  describe.each(pushOrder)('%s', (type) => {
    /** A client that took `a` and `b`. */
    function settled(takes: boolean, lifeMs = ttlMs): Conversation {
      const talk = new Conversation(variant, { [type]: { a: 1, b: 1 } } as Contents, lifeMs);
      talk.takesTtl = takes;
      if (variant === 'sotw') talk.ask(type, ['a', 'b']);
      else talk.change(type, { sub: ['a', 'b'] });
      talk.ack(type);
      return talk;
    }

    /** What is said at a time. */
    function at(talk: Conversation, nowMs: number): string[] {
      talk.nowMs = nowMs;
      const said = talk.turn().map(({ resources }) => resources.join());
      return [...said, ...talk.heartbeats.map(({ resources }) => `beat ${resources.join()}`)];
    }

    test('70. all that the client holds is confirmed three times in its life, under the version it has', () => {
      const talk = settled(true);
      const { version } = talk.newest(type);
      expect(talk.wakeAtMs).toBe(beatMs);
      expect(at(talk, beatMs - 1)).toEqual([]);
      expect(at(talk, beatMs)).toEqual(['beat a,b']);
      expect(talk.heartbeats).toEqual([{ type, nonce: '2', version, resources: ['a', 'b'] }]);
      expect(talk.wakeAtMs).toBe(2 * beatMs);
      expect(at(talk, 2 * beatMs)).toEqual(['beat a,b']);
    });

    test('70. an answer to a heartbeat tells nothing, and a subscription may refer to it', () => {
      const talk = settled(true);
      at(talk, beatMs);
      expect(answer(talk, ['a', 'b'], '2')).toEqual([]);
      expect(answer(talk, ['a', 'b'], '2', 'refused')).toEqual([]);
      expect(talk.verdicts).toEqual(['ack 1']);
      talk.publish({ [type]: { a: 2, b: 1 } } as Contents);
      expect(talk.effects.map(({ kind }) => kind)).toContain('send');
    });

    test('49. 70. an answer to a heartbeat stands for the response before it', () => {
      const talk = settled(true);
      talk.publish({ [type]: { a: 2, b: 1 } } as Contents);
      at(talk, beatMs);
      answer(talk, ['a', 'b'], '3');
      expect(talk.verdicts).toEqual(['ack 1', 'ack 2']);
    });

    test('70. a response that nobody answers does not hold a heartbeat back', () => {
      const talk = settled(true);
      at(talk, beatMs - 1);
      talk.publish({ [type]: { a: 2, b: 1 } } as Contents);
      talk.publish({ [type]: { a: 3, b: 1 } } as Contents);
      expect(at(talk, beatMs)).toEqual(['beat a,b']);
    });

    test('70. a client that does not read is sent one heartbeat when it does, not those that it missed', () => {
      const talk = settled(true);
      talk.writing.add(type);
      expect(at(talk, beatMs)).toEqual([]);
      expect(at(talk, 5 * beatMs)).toEqual([]);
      talk.writing.delete(type);
      expect(at(talk, 5 * beatMs + 1)).toEqual(['beat a,b']);
      expect(at(talk, 5 * beatMs + 2)).toEqual([]);
    });

    test('70. what the client went back to when it refused is confirmed, not what it refused', () => {
      const talk = settled(true);
      const { version } = talk.newest(type);
      talk.publish({ [type]: { a: 2, b: 1 } } as Contents);
      talk.ack(type, 'refused');
      at(talk, beatMs);
      expect(talk.heartbeats).toMatchObject([{ version, resources: ['a', 'b'] }]);
      talk.publish({ [type]: { a: 3, b: 1 } } as Contents);
      talk.ack(type);
      at(talk, 2 * beatMs);
      expect(talk.heartbeats).toMatchObject([{ version: talk.newest(type).version }]);
    });

    test('49. 70. of two responses under way, the one that was taken is confirmed if the other was refused', () => {
      const talk = settled(true);
      talk.publish({ [type]: { a: 2, b: 1 } } as Contents);
      const taken = talk.newest(type);
      talk.nowMs = 500;
      talk.publish({ [type]: { a: 3, b: 1 } } as Contents);
      answer(talk, ['a', 'b'], taken.nonce);
      talk.ack(type, 'refused');
      expect(talk.verdicts).toEqual(['ack 1', 'ack 2', 'nack 3']);
      at(talk, beatMs);
      expect(talk.heartbeats).toMatchObject([{ version: taken.version, resources: ['a', 'b'] }]);
    });

    test('70. a time to live whose end was refused is kept up', () => {
      const talk = settled(true);
      const { version } = talk.newest(type);
      talk.resourceTtlMs = 0;
      talk.publish({ [type]: { a: 2, b: 1 } } as Contents);
      talk.ack(type, 'refused');
      at(talk, beatMs);
      expect(talk.heartbeats).toMatchObject([{ version, resources: ['a', 'b'] }]);
    });

    test('70. a client that refused everything holds nothing that could be confirmed', () => {
      const talk = new Conversation(variant, { [type]: { a: 1 } } as Contents, ttlMs);
      talk.takesTtl = true;
      if (variant === 'sotw') talk.ask(type, ['a']);
      else talk.change(type, { sub: ['a'] });
      talk.ack(type, 'refused');
      expect(at(talk, beatMs)).toEqual([]);
    });

    test.each([
      ['comes', 0, ttlMs],
      ['changes', ttlMs, 2 * ttlMs],
      ['goes', ttlMs, 0],
    ])('70. a time to live that %s brings all resources again', (_what, from, to) => {
      const talk = settled(true, from);
      talk.resourceTtlMs = to;
      expect(talk.publish({ [type]: { a: 1, b: 1 } } as Contents)).toEqual([{ type, resources: ['a', 'b'] }]);
      talk.ack(type);
      expect(talk.wakeAtMs).toBe(to === 0 ? undefined : to / 3);
    });

    test('70. nothing is confirmed of what is not there, nor to a client that cannot take it', () => {
      const empty = settled(true);
      empty.publish({ [type]: {} } as Contents);
      expect(at(empty, 10 * ttlMs).filter((said) => said.startsWith('beat'))).toEqual([]);
      const unable = settled(false);
      expect(unable.wakeAtMs).toBeUndefined();
      expect(at(unable, 10 * ttlMs)).toEqual([]);
    });

    function answer(talk: Conversation, names: readonly string[], nonce: string, error?: string): unknown[] {
      const options = { nonce, ...(error === undefined ? {} : { error }) };
      return variant === 'sotw' ? talk.ask(type, names, options) : talk.change(type, options);
    }
  });
});

test('63. 70. resources that a client brought along are confirmed at once: their time has been running', () => {
  const talk = new Conversation('delta', { clusters: { a: 1, b: 1 } }, ttlMs);
  talk.takesTtl = true;
  expect(talk.change('clusters', { irv: { a: talk.version('clusters', 'a'), b: 'old' } })).toEqual([
    { type: 'clusters', resources: ['b'] },
  ]);
  talk.ack('clusters');
  const beats = talk.heartbeats;
  expect(beats).toMatchObject([{ resources: ['a', 'b'] }]);
});

test('46. 70. a cluster whose removal waits is confirmed until it goes', () => {
  const before: Contents = { clusters: { a: 1, b: 1 }, routes: { r: 'a' } };
  const talk = new Conversation('delta', before, ttlMs);
  talk.takesTtl = true;
  talk.change('clusters', { sub: ['*'] });
  talk.ack('clusters');
  talk.change('routes', { sub: ['r'] });
  talk.ack('routes');
  talk.publish({ clusters: { b: 1 }, routes: { r: 'b' } });
  talk.ack('routes', 'refused');
  talk.nowMs = beatMs;
  talk.turn();
  expect(talk.heartbeats.find(({ type }) => type === 'clusters')?.resources).toEqual(['a', 'b']);
});

describe('over a real stream', () => {
  let harness: Harness;
  afterEach(() => harness.stop());

  const contents: Contents = { clusters: { a: 1, b: 1 } };

  async function start(): Promise<void> {
    harness = await Harness.start();
    harness.resourceTtlMs = ttlMs;
    harness.publish(contents);
  }

  function subscribe(variant: Variant, type: XdsType, client_features: readonly string[]): RawStream {
    const request = { type_url: typeUrls[type], node: { ...node, client_features: [...client_features] } };
    const stream = harness.open(variant);
    return variant === 'sotw' ? stream.sotw(request) : stream.delta(request);
  }

  function acknowledge(variant: Variant, stream: RawStream, { typeUrl, nonce, version }: Received): void {
    const answer = { type_url: typeUrl, response_nonce: nonce };
    if (variant === 'sotw') stream.sotw({ ...answer, version_info: version });
    else stream.delta(answer);
  }

  test.each(both)('70. %s: resources carry their time to live, heartbeats nothing else', async (variant) => {
    await start();
    const stream = subscribe(variant, 'clusters', [ttlFeature, sotwFeature]);
    const first = await stream.take();
    expect(first).toMatchObject({ resources: ['a', 'b'], heartbeats: [], ttls: { a: ttlMs, b: ttlMs } });
    await harness.settled(stream);
    const nonces = new Set([first.nonce]);
    for (const _ of [1, 2, 3]) {
      harness.timers.advance(beatMs);
      const beat = await stream.next();
      acknowledge(variant, stream, beat);
      const same = { version: first.version, versions: first.versions, typeUrl: first.typeUrl };
      expect(beat).toMatchObject({ resources: [], heartbeats: ['a', 'b'], ttls: { a: ttlMs, b: ttlMs }, ...same });
      nonces.add(beat.nonce);
      await harness.settled(stream);
    }
    expect(nonces.size).toBe(4);
    expect(harness.observer.lines).toEqual(['opened n1', 'sent clusters 1', 'acked clusters 1']);
    harness.resourceTtlMs = 0;
    harness.publish(contents);
    expect(await stream.take()).toMatchObject({ resources: ['a', 'b'], ttls: {} });
    await harness.settled(stream);
    expect(harness.timers.pending).toBe(0);
  });

  test.each(both)('70. %s: a client without the feature is sent neither', async (variant) => {
    await start();
    const stream = subscribe(variant, 'clusters', []);
    expect(await stream.take()).toMatchObject({ resources: ['a', 'b'], ttls: {} });
    await harness.settled(stream);
    expect(harness.timers.pending).toBe(0);
  });
});
