import { expect, test } from 'vitest';
import { kinds } from '../model/document.ts';
import { formatRole, mayIssue, mayList, mayRead, mayWrite, parseRole, type Role } from './roles.ts';

function role(text: string): Role {
  const parsed = parseRole(text);
  if (!parsed) throw new Error(`${text} is no role`);
  return parsed;
}

test('a role is written back as it was read', () => {
  for (const text of ['admin', 'platform', 'network', 'tenant:a-1:editor', 'tenant:a:viewer', 'node:edge']) {
    expect(formatRole(role(text))).toBe(text);
  }
});

test.each([
  '',
  'Admin',
  'root',
  'tenant:a',
  'tenant::editor',
  'tenant:a:owner',
  'tenant:A:editor',
  'tenant:a/b:editor',
  'tenant:a:editor:b',
  'node:',
  'node:a b',
  `node:${'a'.repeat(64)}`,
])('%j is no role', (text) => {
  expect(parseRole(text)).toBeUndefined();
});

test('admin and platform write every document', () => {
  for (const text of ['admin', 'platform']) {
    for (const kind of kinds) expect(mayWrite(role(text), kind, undefined)).toBe(true);
    expect(mayWrite(role(text), 'Route', 'a')).toBe(true);
  }
});

test('the network owner writes node groups, listeners and L4 routes of the platform, and nothing of a tenant', () => {
  const writable = kinds.filter((kind) => mayWrite(role('network'), kind, undefined));
  expect(writable).toEqual(['NodeGroup', 'Listener', 'L4Route']);
  expect(kinds.filter((kind) => mayWrite(role('network'), kind, 'a') || mayRead(role('network'), kind, 'a'))).toEqual(
    [],
  );
});

test('an editor writes what a tenant may own, of the own tenant only', () => {
  const editor = role('tenant:a:editor');
  expect(kinds.filter((kind) => mayWrite(editor, kind, 'a'))).toEqual([
    'Cluster',
    'Route',
    'L4Route',
    'HealthPolicy',
    'Secret',
  ]);
  for (const kind of kinds) {
    expect(mayWrite(editor, kind, 'b')).toBe(false);
    expect(mayWrite(editor, kind, undefined)).toBe(false);
  }
});

test('a viewer reads what an editor reads, and writes nothing', () => {
  for (const kind of kinds) {
    for (const tenant of ['a', 'b', undefined]) {
      expect(mayRead(role('tenant:a:viewer'), kind, tenant, 'a')).toBe(
        mayRead(role('tenant:a:editor'), kind, tenant, 'a'),
      );
      expect(mayWrite(role('tenant:a:viewer'), kind, tenant)).toBe(false);
    }
  }
});

test('a tenant reads its own Tenant document and no other platform document, whatever its name', () => {
  const editor = role('tenant:a:editor');
  expect(mayRead(editor, 'Tenant', undefined, 'a')).toBe(true);
  expect(mayRead(editor, 'Tenant', undefined, 'b')).toBe(false);
  expect(mayRead(editor, 'Listener', undefined, 'a')).toBe(false);
  expect(mayRead(editor, 'Route', undefined, 'a')).toBe(false);
});

test('a node reads, lists and writes nothing', () => {
  const node = role('node:edge');
  for (const kind of kinds) {
    expect(mayRead(node, kind, undefined, 'edge') || mayWrite(node, kind, undefined) || mayList(node, kind)).toBe(
      false,
    );
  }
});

test('nobody makes a token that is stronger than the own one', () => {
  expect(mayIssue(role('admin'), role('admin'))).toBe(true);
  expect(mayIssue(role('platform'), role('admin'))).toBe(false);
  expect(mayIssue(role('platform'), role('tenant:a:editor'))).toBe(true);
  for (const text of ['network', 'tenant:a:editor', 'node:edge']) {
    expect(mayIssue(role(text), role('tenant:a:viewer'))).toBe(false);
  }
});
