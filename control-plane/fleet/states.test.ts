import { expect, test } from 'vitest';
import type { NodeIdentity, NodeOrder, NodeStateReport } from '../xds/ports.ts';
import { States } from './states.ts';

const live: NodeStateReport = { phase: 'live', listeners: [], connections: 3 };

function identity(group = 'edge'): NodeIdentity {
  return { id: 'n1', group, userAgent: 'fairlead 0.1.0', zone: '' };
}

function world() {
  const news: string[] = [];
  const clock = { ms: 0 };
  const states = new States(
    () => clock.ms,
    ({ id, group }) => news.push(`${group}/${id}`),
  );
  const join = (node: NodeIdentity): NodeOrder[] => {
    const orders: NodeOrder[] = [];
    states.joined(node, (order) => orders.push(order));
    return orders;
  };
  return { states, news, clock, join };
}

test('what a node says is known until its stream ends', () => {
  const { states, news, join } = world();
  const node = identity();
  join(node);
  expect(states.of('n1', 'edge')).toBeUndefined();
  states.reported(node, live);
  expect([states.of('n1', 'edge'), states.of('n1', 'mesh')]).toEqual([live, undefined]);
  states.ended(node);
  expect(states.of('n1', 'edge')).toBeUndefined();
  expect(news).toEqual(['edge/n1', 'edge/n1']);
});

test('that a node leaves is known when it is gone, until it is back', () => {
  const { states, join } = world();
  const node = identity();
  join(node);
  states.reported(node, { ...live, phase: 'leaving' });
  states.ended(node);
  expect(states.of('n1', 'edge')).toEqual({ phase: 'leaving', listeners: [], connections: 0 });
  join(identity());
  expect(states.of('n1', 'edge')).toBeUndefined();
});

test('the newest stream of a node counts; a node of that id in another group is another one', () => {
  const { states, join } = world();
  const [old, now, other] = [identity(), identity(), identity('mesh')];
  for (const node of [old, now, other]) join(node);
  states.reported(now, live);
  states.reported(old, { ...live, connections: 9 });
  states.reported(other, { ...live, connections: 5 });
  states.ended(old);
  expect([states.of('n1', 'edge'), states.of('n1', 'mesh')?.connections]).toEqual([live, 5]);
});

test('a node is told at once, and again only when the order is another one, how long it still has', () => {
  const { states, clock, join } = world();
  let untilMs: number | null = null;
  states.obey(() => untilMs);
  const orders = join(identity());
  states.renewOrders();
  expect(orders).toEqual([{ drainWithinMs: null }]);
  untilMs = 45_000;
  clock.ms = 5_000;
  states.renewOrders();
  states.renewOrders();
  expect(orders.slice(1)).toEqual([{ drainWithinMs: 40_000 }]);
  clock.ms = 60_000;
  expect(join(identity())).toEqual([{ drainWithinMs: 0 }]);
});
