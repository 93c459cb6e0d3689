import { expect, test } from 'vitest';
import type { Drain } from '../fleet/drains.ts';
import type { NodeTypeView, NodeView } from '../fleet/fleet.ts';
import { buildSnapshot } from '../snapshot/build.ts';
import { orderLimits } from './limits.ts';
import { Orders } from './orders.ts';
import { ManualTimers } from './testing.ts';

const timeoutMs = 45_000;
const node = { id: 'n1', group: 'edge' };
const snapshot = buildSnapshot('front', 1, { endpoints: new Map([['edge-nodes', new Uint8Array([1])]]) });
const { version } = snapshot.types.endpoints;

function world() {
  const timers = new ManualTimers(1_000_000);
  let drain: Drain | undefined;
  let onChange = (): void => {};
  let orders: ((node: NodeView) => number | null) | undefined;
  const told: (number | null)[] = [];
  const facts = { offered: false, users: ['front'] as string[] | undefined, nodes: [] as NodeView[] };
  const renewOrders = (): void => {
    const order = orders?.(node as NodeView) ?? null;
    if (order !== told.at(-1)) told.push(order);
  };
  const started = new Orders({
    drains: {
      get: () => drain,
      onChange: (listener) => {
        onChange = listener;
        return () => {
          onChange = () => {};
        };
      },
    },
    states: {
      obey: (given) => {
        orders = given as NonNullable<typeof orders>;
        renewOrders();
      },
      renewOrders,
    },
    placements: { isOffered: () => facts.offered },
    publisher: { usersOf: () => facts.users },
    fleet: { list: () => facts.nodes },
    snapshots: { get: (group) => (group === 'front' ? snapshot : undefined) },
    timers,
    now: () => timers.now(),
  });
  started.start();
  return {
    ...{ timers, told, facts, orders: started },
    drain: (on: boolean) => {
      drain = on ? { node: 'n1', since: '', beganMs: timers.now(), timeoutMs, by: 'ann' } : undefined;
      onChange();
    },
  };
}

function user(endpoints: NodeTypeView, given: Partial<NodeView> = {}): NodeView {
  return {
    ...{ id: 'l4-1', group: 'front', connected: true, userAgent: '', zone: '', variant: 'delta', peer: '', since: '' },
    types: { endpoints },
    ...given,
  };
}

const has: NodeTypeView = { state: 'synced', version, acknowledgedVersion: version };
const had: NodeTypeView = { state: 'synced', version: 'old', acknowledgedVersion: 'old' };

test('a node that nobody has as an endpoint is told at once, and again when that is lifted', () => {
  const { facts, told, drain, timers } = world();
  facts.users = [];
  drain(true);
  const beganMs = timers.now();
  timers.advanceTo(beganMs + 60_000);
  drain(false);
  expect(told).toEqual([null, beganMs + timeoutMs, null]);
});

test('it is told once those that have it as an endpoint have acknowledged that it drains', () => {
  const { facts, told, drain, timers } = world();
  facts.nodes = [user(has), user(had, { id: 'l4-2' })];
  const beganMs = timers.now();
  drain(true);
  timers.advanceTo(beganMs + 500);
  expect(told).toEqual([null]);
  facts.nodes = [user(has), user(has, { id: 'l4-2' })];
  timers.advanceTo(beganMs + 500 + orderLimits.lookMs);
  expect(told).toEqual([null, beganMs + timeoutMs]);
});

test.each<[string, (facts: ReturnType<typeof world>['facts']) => void]>([
  ['is still offered', (facts) => Object.assign(facts, { offered: true })],
  ['is in what is not published yet', (facts) => Object.assign(facts, { users: undefined })],
  ['is on its way to a node', (facts) => facts.nodes.push(user({ ...has, state: 'stale' }))],
  ['is refused by a node', (facts) => facts.nodes.push(user({ ...has, state: 'nack' }))],
])('while it %s it is waited for, but not for ever', (_, make) => {
  const { facts, told, drain, timers } = world();
  make(facts);
  const beganMs = timers.now();
  drain(true);
  timers.advanceTo(beganMs + orderLimits.waitMs - 1);
  expect(told).toEqual([null]);
  timers.advanceTo(beganMs + orderLimits.waitMs + orderLimits.lookMs);
  expect(told).toEqual([null, beganMs + timeoutMs]);
});

test('nodes that are away, of other groups, or without endpoints are not waited for', () => {
  const { facts, told, drain, timers } = world();
  facts.nodes = [user(had, { connected: false }), user(had, { group: 'mesh' }), user({ state: 'unknown' })];
  drain(true);
  expect(told).toEqual([null, timers.now() + timeoutMs]);
});

test('after close nobody looks again', () => {
  const { facts, told, drain, timers, orders } = world();
  facts.offered = true;
  drain(true);
  orders.close();
  timers.advanceTo(timers.now() + 60_000);
  expect(told).toEqual([null]);
});
