import { describe, expect, test } from 'vitest';
import type { StreamInfo } from '../xds/ports.ts';
import { Fleet, type FleetChange } from './fleet.ts';
import { limits } from './limits.ts';
import { stream } from './testing-states.ts';

class Clock {
  nowMs = Date.parse('2026-11-21T12:00:00.000Z');
  readonly now = (): number => this.nowMs;
}

function start(disconnectedNodes?: number): { fleet: Fleet; clock: Clock } {
  const clock = new Clock();
  return {
    fleet: new Fleet({ now: clock.now, ...(disconnectedNodes === undefined ? {} : { disconnectedNodes }) }),
    clock,
  };
}

const clusters = (fleet: Fleet, id = 'n1') => fleet.get(id)?.types.clusters;

describe('a type on a node', () => {
  test('is unknown until the node is told something of it', () => {
    const { fleet } = start();
    fleet.opened(stream());
    expect(clusters(fleet)).toEqual({ state: 'unknown' });
  });

  test('is stale from the response to its acknowledgement, and synced from then on', () => {
    const { fleet, clock } = start();
    const one = stream();
    fleet.opened(one);
    fleet.sent(one, 'clusters', 'v1', '1', 100);
    expect(clusters(fleet)).toEqual({
      state: 'stale',
      version: 'v1',
      acknowledgedVersion: '',
      sentVersion: 'v1',
      since: '2026-11-21T12:00:00.000Z',
    });
    clock.nowMs += 1500;
    fleet.acked(one, 'clusters', 'v1', '1');
    expect(clusters(fleet)).toEqual({
      state: 'synced',
      version: 'v1',
      acknowledgedVersion: 'v1',
      sentVersion: 'v1',
      since: '2026-11-21T12:00:01.500Z',
    });
  });

  test('is synced with a version that says nothing new to the node', () => {
    const { fleet } = start();
    const one = stream();
    fleet.opened(one);
    fleet.current(one, 'clusters', 'v1');
    expect(clusters(fleet)).toMatchObject({ state: 'synced', version: 'v1', acknowledgedVersion: 'v1' });
    fleet.sent(one, 'clusters', 'v2', '1', 1);
    fleet.current(one, 'clusters', 'v3');
    expect(clusters(fleet)).toMatchObject({ state: 'stale', version: 'v3', acknowledgedVersion: 'v1' });
    fleet.acked(one, 'clusters', 'v2', '1');
    expect(clusters(fleet)).toMatchObject({ state: 'synced', version: 'v3', acknowledgedVersion: 'v3' });
  });

  test('is stale while something newer waits, whatever was acknowledged', () => {
    const { fleet } = start();
    const one = stream();
    fleet.opened(one);
    fleet.sent(one, 'clusters', 'v1', '1', 1);
    fleet.waiting(one, 'clusters', 'v2');
    fleet.acked(one, 'clusters', 'v1', '1');
    expect(clusters(fleet)).toMatchObject({ state: 'stale', version: 'v2', acknowledgedVersion: 'v1' });
    fleet.sent(one, 'clusters', 'v2', '2', 1);
    fleet.acked(one, 'clusters', 'v2', '2');
    expect(clusters(fleet)).toMatchObject({ state: 'synced', version: 'v2', acknowledgedVersion: 'v2' });
  });

  test('is synced again if what waited was taken back', () => {
    const { fleet } = start();
    const one = stream();
    fleet.opened(one);
    fleet.sent(one, 'clusters', 'v1', '1', 1);
    fleet.acked(one, 'clusters', 'v1', '1');
    fleet.waiting(one, 'clusters', 'v2');
    fleet.current(one, 'clusters', 'v1');
    expect(clusters(fleet)).toMatchObject({ state: 'synced', version: 'v1' });
  });

  test('is not synced by the acknowledgement of an older response', () => {
    const { fleet } = start();
    const one = stream();
    fleet.opened(one);
    fleet.sent(one, 'clusters', 'v1', '1', 1);
    fleet.sent(one, 'clusters', 'v2', '2', 1);
    fleet.acked(one, 'clusters', 'v1', '1');
    expect(clusters(fleet)).toMatchObject({ state: 'stale', version: 'v2', acknowledgedVersion: 'v1' });
  });

  test('A11. shows why a response was refused, until the next one is acknowledged', () => {
    const { fleet } = start();
    const one = stream();
    fleet.opened(one);
    fleet.sent(one, 'clusters', 'v1', '1', 1);
    fleet.acked(one, 'clusters', 'v1', '1');
    fleet.sent(one, 'clusters', 'v2', '2', 1);
    fleet.nacked(one, 'clusters', 'v2', '2', 'connect_timeout: must be positive');
    expect(clusters(fleet)).toMatchObject({
      state: 'nack',
      version: 'v2',
      acknowledgedVersion: 'v1',
      error: 'connect_timeout: must be positive',
    });
    fleet.sent(one, 'clusters', 'v3', '3', 1);
    expect(clusters(fleet)).toMatchObject({ state: 'stale', version: 'v3' });
    fleet.acked(one, 'clusters', 'v3', '3');
    expect(clusters(fleet)).toMatchObject({ state: 'synced', acknowledgedVersion: 'v3' });
    expect(clusters(fleet)).not.toHaveProperty('error');
  });

  test('keeps no more of a refusal than a page, and nothing that moves a terminal', () => {
    const { fleet } = start();
    const one = stream();
    fleet.opened(one);
    fleet.sent(one, 'clusters', 'v1', '1', 1);
    fleet.nacked(one, 'clusters', 'v1', '1', `line 1\nline 2\u001b[2J\r${'x'.repeat(10_000)}`);
    const error = clusters(fleet)?.error ?? '';
    expect(error.startsWith('line 1\nline 2\u{fffd}[2J\u{fffd}x')).toBe(true);
    expect(error.length).toBeLessThan(limits.errorLength + 20);
  });
});

describe('a node', () => {
  test('is shown with what its stream said of it', () => {
    const { fleet } = start();
    fleet.opened(stream('n2', { variant: 'sotw' }));
    fleet.opened(stream('n1'));
    expect(fleet.list().map(({ id }) => id)).toEqual(['n1', 'n2']);
    expect(fleet.get('n2')).toEqual({
      id: 'n2',
      group: 'edge',
      connected: true,
      userAgent: 'envoy 1.40.0',
      zone: 'a',
      variant: 'sotw',
      peer: '127.0.0.1:5000',
      since: '2026-11-21T12:00:00.000Z',
      types: {
        listeners: { state: 'unknown' },
        routes: { state: 'unknown' },
        clusters: { state: 'unknown' },
        endpoints: { state: 'unknown' },
      },
    });
    expect(fleet.get('n3')).toBeUndefined();
  });

  test('A6. with two streams is shown by the newer one, and lives on with either', () => {
    const { fleet } = start();
    const old = stream('n1', { peer: 'old' });
    const young = stream('n1', { peer: 'young' });
    fleet.opened(old);
    fleet.sent(old, 'clusters', 'v1', '1', 1);
    fleet.acked(old, 'clusters', 'v1', '1');
    fleet.opened(young);
    expect(clusters(fleet)).toMatchObject({ state: 'synced', version: 'v1' });
    fleet.sent(young, 'clusters', 'v2', '1', 1);
    expect(clusters(fleet)).toMatchObject({ state: 'stale', version: 'v2' });
    fleet.closed(old);
    expect(fleet.get('n1')).toMatchObject({ connected: true, peer: 'young' });
    expect(clusters(fleet)).toMatchObject({ state: 'stale', version: 'v2' });
  });

  test('with a stream for each type is shown as one', () => {
    const { fleet } = start();
    const types = ['clusters', 'endpoints', 'listeners', 'routes'] as const;
    const all = types.map((type) => [type, stream('n1', { service: type })] as const);
    for (const [type, one] of all) {
      fleet.opened(one);
      fleet.sent(one, type, `${type}-1`, '1', 1);
      fleet.acked(one, type, `${type}-1`, '1');
    }
    for (const [, one] of all) fleet.closed(one);
    const shown = fleet.get('n1');
    expect(shown?.connected).toBe(false);
    for (const type of types) expect(shown?.types[type]).toMatchObject({ state: 'synced', version: `${type}-1` });
  });

  test('that went away stays listed with what it had, and begins anew when it comes back', () => {
    const { fleet, clock } = start();
    const one = stream();
    fleet.opened(one);
    fleet.sent(one, 'clusters', 'v1', '1', 1);
    fleet.acked(one, 'clusters', 'v1', '1');
    clock.nowMs += 60_000;
    fleet.closed(one);
    expect(fleet.get('n1')).toMatchObject({ connected: false, since: '2026-11-21T12:01:00.000Z' });
    expect(clusters(fleet)).toMatchObject({ state: 'synced', version: 'v1' });
    clock.nowMs += 1000;
    fleet.opened(stream());
    expect(fleet.get('n1')).toMatchObject({ connected: true, since: '2026-11-21T12:01:01.000Z' });
    expect(clusters(fleet)).toEqual({ state: 'unknown' });
  });

  test('that went away is forgotten on request; one that is connected is not', () => {
    const { fleet } = start();
    const one = stream();
    fleet.opened(one);
    expect(fleet.evict('n1', 'edge')).toBe(false);
    fleet.closed(one);
    expect(fleet.evict('n1', 'edge')).toBe(true);
    expect(fleet.evict('n1', 'edge')).toBe(false);
    expect(fleet.list()).toEqual([]);
  });

  test('that is gone longest makes room once too many are', () => {
    const { fleet } = start(2);
    const [a, b, c] = ['a', 'b', 'c'].map((id) => stream(id)) as [StreamInfo, StreamInfo, StreamInfo];
    for (const one of [a, b, c]) fleet.opened(one);
    for (const one of [b, a, c]) fleet.closed(one);
    expect(fleet.list().map(({ id }) => id)).toEqual(['a', 'c']);
  });
});

test('every event is told, with the state it led to in place', () => {
  const { fleet } = start(0);
  const changes: (FleetChange & { state: string | undefined })[] = [];
  const stop = fleet.subscribe((change) => changes.push({ ...change, state: clusters(fleet)?.state }));
  const one = stream();
  const two = stream();
  fleet.opened(one);
  fleet.opened(two);
  fleet.sent(two, 'clusters', 'v1', '1', 1);
  fleet.nacked(two, 'clusters', 'v1', '1', 'no');
  fleet.closed(one);
  fleet.closed(two);
  stop();
  fleet.opened(stream());
  const who = { node: 'n1', group: 'edge' };
  expect(changes).toEqual([
    { kind: 'connected', ...who, state: 'unknown' },
    { kind: 'sent', ...who, type: 'clusters', version: 'v1', state: 'stale' },
    { kind: 'nacked', ...who, type: 'clusters', version: 'v1', error: 'no', state: 'nack' },
    { kind: 'disconnected', ...who, state: 'nack' },
    { kind: 'evicted', ...who, state: undefined },
  ]);
});

describe('waiting for a state', () => {
  const synced = (fleet: Fleet): boolean => clusters(fleet)?.state === 'synced';

  test('ends when it is there', async () => {
    const { fleet } = start();
    const one = stream();
    fleet.opened(one);
    const waiting = fleet.waitFor(synced);
    fleet.sent(one, 'clusters', 'v1', '1', 1);
    fleet.acked(one, 'clusters', 'v1', '1');
    await waiting;
    await fleet.waitFor(synced);
  });

  test('asks once for a burst of changes', async () => {
    const { fleet } = start();
    let asked = 0;
    const waiting = fleet.waitFor(() => ++asked === 2);
    const one = stream();
    fleet.opened(one);
    for (let nonce = 1; nonce <= 100; nonce++) fleet.sent(one, 'clusters', 'v', String(nonce), 1);
    await waiting;
    expect(asked).toBe(2);
  });

  test('ends with the reason of its signal', async () => {
    const { fleet } = start();
    const deadline = new AbortController();
    const waiting = fleet.waitFor(synced, deadline.signal);
    deadline.abort(new Error('30 s are over'));
    await expect(waiting).rejects.toThrow('30 s are over');
    await expect(fleet.waitFor(synced, deadline.signal)).rejects.toThrow('30 s are over');
  });

  test('ends with the error of its predicate', async () => {
    const { fleet } = start();
    const failing = fleet.waitFor(() => {
      throw new Error('no such group');
    });
    await expect(failing).rejects.toThrow('no such group');
  });
});

test('counts go up by variant and by type', () => {
  const { fleet } = start();
  const delta = stream('n1');
  const sotw = stream('n2', { variant: 'sotw' });
  fleet.opened(delta);
  fleet.opened(sotw);
  fleet.sent(delta, 'routes', 'v1', '1', 700);
  fleet.sent(sotw, 'routes', 'v1', '1', 300);
  fleet.acked(delta, 'routes', 'v1', '1');
  fleet.nacked(sotw, 'routes', 'v1', '1', 'no');
  fleet.closed(sotw);
  expect(fleet.stats()).toMatchObject({
    nodesConnected: 1,
    nodesDisconnected: 1,
    streamsOpen: { delta: 1, sotw: 0 },
    streamsOpened: { delta: 1, sotw: 1 },
    types: {
      routes: { responses: 2, acks: 1, nacks: 1, bytes: 1000 },
      clusters: { responses: 0, acks: 0, nacks: 0, bytes: 0 },
    },
  });
});
