import { expect, test } from 'vitest';
import type { NodeView } from '../fleet/node.ts';
import type { GroupStatus } from '../publish/publisher.ts';
import { rolloutOf, type ServedVersions } from './rollout.ts';

const wellAt = (revision: number | undefined): GroupStatus => ({
  group: 'edge',
  revision,
  failure: undefined,
  notes: [],
});
const served = (revision: number, version: string): ServedVersions => ({
  revision,
  isServed: (_type, one) => one === version,
});

function node(id: string, state: 'synced' | 'stale' | 'nack', version: string, connected = true): NodeView {
  const type = {
    state,
    version,
    acknowledgedVersion: version,
    ...(state === 'nack' && { error: 'field x' }),
    since: '',
  };
  const types = { listeners: type, routes: { state: 'unknown' as const }, clusters: type, endpoints: type };
  return { id, group: 'edge', connected, userAgent: '', zone: '', variant: 'delta', peer: '', since: '', types };
}

const rollout = (status: GroupStatus, what: ServedVersions | undefined, ...nodes: NodeView[]) =>
  rolloutOf(5, { groups: [status], nodes, served: () => what });

test('a revision is pending until the group is served it', () => {
  expect(rollout(wellAt(4), served(4, 'a'), node('n', 'synced', 'a')).state).toBe('pending');
  expect(rollout(wellAt(undefined), undefined).state).toBe('pending');
});

test('a group whose resources an older revision made is unaffected, whatever its nodes say', () => {
  const { state, groups } = rollout(wellAt(5), served(4, 'a'), node('n', 'nack', 'a'));
  expect(state).toBe('complete');
  expect(groups[0]!.state).toBe('unaffected');
});

test('a node that was not told yet counts as behind, though it calls itself synced', () => {
  const { state, groups } = rollout(wellAt(5), served(5, 'b'), node('n1', 'synced', 'b'), node('n2', 'synced', 'a'));
  expect(state).toBe('progressing');
  expect(groups[0]!.nodes).toEqual({ connected: 2, synced: 1, stale: 1, nack: 0 });
});

test('it is complete once every connected node has taken what is served; types that a node does not ask for do not count', () => {
  const away = node('n2', 'stale', 'a', false);
  expect(rollout(wellAt(5), served(5, 'b'), node('n1', 'synced', 'b'), away).state).toBe('complete');
});

test('it has failed when a node refuses it, with the words of the node', () => {
  const { state, groups } = rollout(wellAt(6), served(5, 'b'), node('n1', 'synced', 'b'), node('n2', 'nack', 'b'));
  expect(state).toBe('failed');
  expect(groups[0]!.problems).toContain('n2 refuses listeners: field x');
});

test('it has failed when the group cannot be served it', () => {
  const failure = { revision: 5, problems: ['Route a: too large'], document: undefined };
  const failed = rollout({ ...wellAt(4), failure }, served(4, 'a'));
  expect(failed.state).toBe('failed');
  expect(failed.groups[0]!.problems).toEqual(['Route a: too large']);
});
