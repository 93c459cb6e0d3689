import { expect, test } from 'vitest';
import { checkDocument, specOf, typed } from './check.ts';
import { limits } from './limits.ts';
import { codesOf, stored } from './testing.ts';

const group = { kind: 'NodeGroup', name: 'edge', spec: { tier: 'l7' } };

function problems(input: unknown): string[] {
  const checked = checkDocument(input);
  return checked.ok ? [] : codesOf(checked.problems);
}

test('a document keeps what its author wrote, and no default', () => {
  const spec = { hosts: 'Shop.example.com', to: { cluster: 'orders' } };
  const input = {
    kind: 'Route',
    tenant: 'checkout',
    name: 'orders',
    labels: { team: 'a' },
    ignore: { rule: 'why' },
    spec,
  };
  expect(checkDocument(input)).toEqual({ ok: true, value: input });
});

test('a document is a copy: what its sender does later does not reach it', () => {
  const input = structuredClone(group);
  const checked = checkDocument(input);
  input.spec.tier = 'broken';
  expect(checked.ok ? checked.value.spec : undefined).toEqual({ tier: 'l7' });
});

test('a spec that is left out is an empty one', () => {
  expect(checkDocument({ kind: 'Tenant', name: 'a' })).toEqual({
    ok: true,
    value: { kind: 'Tenant', name: 'a', spec: {} },
  });
});

test('what the server adds is taken and dropped', () => {
  const added = {
    revision: 7,
    createdRevision: 3,
    createdAt: 'x',
    updatedAt: 'y',
    updatedBy: 'z',
    status: {},
    set: 's',
  };
  expect(checkDocument({ ...group, ...added })).toEqual({ ok: true, value: group });
});

test.each([
  [undefined, 'invalid '],
  [null, 'invalid '],
  ['text', 'invalid '],
  [[group], 'invalid '],
  [{}, 'missing-field /kind'],
  [{ ...group, kind: 5 }, 'unknown-kind /kind'],
  [{ ...group, kind: 'nodegroup' }, 'unknown-kind /kind'],
  [{ ...group, kind: 'toString' }, 'unknown-kind /kind'],
  [{ ...group, kind: 'Token' }, 'unknown-kind /kind'],
  [{ ...group, kind: 'JwtProvider' }, 'not-supported-yet /kind'],
  [{ ...group, kind: 'Grant' }, 'not-supported-yet /kind'],
  [{ ...group, name: undefined }, 'missing-field /name'],
  [{ ...group, name: 7 }, 'invalid /name'],
  [{ ...group, name: 'Edge' }, 'invalid /name'],
  [{ ...group, name: 'x'.repeat(64) }, 'invalid /name'],
  [{ ...group, tenant: 'checkout' }, 'invalid /tenant'],
  [{ ...group, tenant: null }, 'invalid /tenant'],
  [{ ...group, label: {} }, 'unknown-field /label'],
  [{ ...group, labels: { a: 1 } }, 'invalid /labels/a'],
  [{ ...group, labels: { '': 'x' } }, 'invalid /labels/'],
  [{ ...group, labels: ['a'] }, 'invalid /labels'],
  [{ ...group, labels: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`k${i}`, 'v'])) }, 'invalid /labels'],
  [{ ...group, ignore: { rule: '' } }, 'invalid /ignore/rule'],
  [{ ...group, spec: null }, 'invalid /spec'],
  [{ ...group, spec: [] }, 'invalid /spec'],
  [{ ...group, spec: { tier: null } }, 'invalid /spec/tier'],
  [{ ...group, labels: { a: 'x\0' } }, 'invalid /labels/a'],
  [{ ...group, labels: { a: '\ud800' } }, 'invalid /labels/a'],
  [{ ...group, spec: JSON.parse('{"__proto__":{"tier":"l4"}}') }, 'invalid /spec'],
])('the document %j is refused: %s', (input, refused) => {
  expect(problems(input)).toEqual([refused]);
});

test('what is not JSON is refused where it stands', () => {
  for (const tier of [1n, () => 'l7', new Date(0), Number.NaN, Number.POSITIVE_INFINITY, Symbol.iterator, /l7/]) {
    expect(problems({ ...group, spec: { tier } }), String(tier)).toEqual(['invalid /spec/tier']);
  }
});

test.each(['Tenant', 'NodeGroup', 'Listener'])('a %s never has a tenant', (kind) => {
  expect(problems({ kind, name: 'a', tenant: 'b', spec: { groups: 'a', port: 1 } })).toContain('invalid /tenant');
});

test('all problems of a document are told at once, with their places', () => {
  const input = {
    kind: 'Route',
    name: 'Orders',
    tenant: 'checkout',
    nmae: 'orders',
    spec: {
      hosts: ['a.b', 'A.b', 'c:80'],
      match: { path: '/x', method: 'GET' },
      to: [
        { cluster: 'a', weight: 0 },
        { cluster: 'b', weight: 0 },
      ],
      hedge: {},
      'x/y~z': 1,
    },
  };
  expect(problems(input).sort()).toEqual([
    'invalid /name',
    'invalid /spec/hosts/1',
    'invalid /spec/hosts/2',
    'invalid /spec/match/path',
    'invalid /spec/to',
    'not-supported-yet /spec/hedge',
    'unknown-field /nmae',
    'unknown-field /spec/match/method',
    'unknown-field /spec/x~1y~0z',
  ]);
});

test('a problem names its document and its place in the request', () => {
  const checked = checkDocument({ ...group, spec: { teir: 'l4' } }, 3);
  expect(checked.ok ? [] : checked.problems).toEqual([
    {
      document: { kind: 'NodeGroup', name: 'edge' },
      index: 3,
      pointer: '/spec/teir',
      code: 'unknown-field',
      detail: 'There is no field `teir` here.',
      remedy: 'Did you mean `tier`?',
    },
  ]);
});

test.each([
  [{ kind: 'Routes' }, 'Did you mean `Route`?'],
  [{ kind: 'route' }, 'Did you mean `Route`?'],
  [{ kind: 'Grants' }, 'Did you mean `Grant`?'],
  [{ kind: 'Gateway' }, 'Known here: `Tenant`'],
  [{ kind: 'Token' }, 'fairlead token create'],
  [{ ...group, spec: { Tier: 'l4' } }, 'Did you mean `tier`?'],
  [{ ...group, spec: { tier: 'L4' } }, 'Did you mean `l4`?'],
  [{ ...group, spec: { zone: 'a' } }, 'Known here: `tier`, `resourceTtl`, `drain`.'],
])('the remedy for %j is: %s', (input, remedy) => {
  const checked = checkDocument(input);
  expect(checked.ok ? '' : checked.problems[0]?.remedy).toContain(remedy);
});

test('what is not supported yet says so', () => {
  const checked = checkDocument({ ...group, spec: { rollout: {} } });
  expect(checked.ok ? '' : checked.problems[0]?.detail).toBe('`rollout` is not supported yet.');
});

test('more problems than anybody reads are cut short', () => {
  const spec = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`field-${i}`, i]));
  const checked = checkDocument({ ...group, spec });
  const found = checked.ok ? [] : checked.problems;
  expect(found).toHaveLength(limits.problemsPerDocument + 1);
  expect(found.at(-1)?.detail).toBe('900 more problems are not shown.');
});

test('a field with an endless name is refused, and the name not repeated', () => {
  expect(problems({ ...group, spec: { ['x'.repeat(300)]: 1 } })).toEqual(['invalid /spec']);
});

test('values without end are refused, not followed', () => {
  const circle: Record<string, unknown> = {};
  circle['circle'] = circle;
  expect(problems({ ...group, spec: circle })).toEqual([`invalid /spec${'/circle'.repeat(limits.nesting)}`]);
  const wide = Array.from({ length: limits.valuesPerDocument }, () => 0);
  expect(problems({ ...group, spec: { wide } })[0]).toContain('invalid /spec/wide/');
});

test('a document that was never checked has no spec', () => {
  expect(() => specOf({ kind: 'NodeGroup', name: 'edge', spec: { tier: 'l5' } })).toThrow('NodeGroup edge');
});

test('a stored document comes with its kind and its whole spec', () => {
  const document = stored({ kind: 'NodeGroup', name: 'edge', spec: {} });
  expect(typed(document)).toEqual({
    kind: 'NodeGroup',
    document,
    spec: { tier: 'l7', resourceTtlMs: 0, drain: { timeoutMs: 45_000, graceMs: 60_000 } },
  });
});

test('20,000 routes are understood in little more time than copies of them take', async () => {
  const spec = { hosts: 'a.b', match: { path: { prefix: '/a' }, methods: 'GET' }, to: [{ cluster: 'c', weight: 1 }] };
  const routes = Array.from({ length: 20_000 }, (_, i) => stored({ kind: 'Route', tenant: 't', name: `r${i}`, spec }));
  const took = (run: () => void): number => {
    const startMs = performance.now();
    run();
    return performance.now() - startMs;
  };
  const slower = (): number => {
    const copyingMs = took(() => {
      for (const route of routes) structuredClone(route);
    });
    const understandingMs = took(() => {
      for (const route of routes) typed(route);
    });
    return understandingMs / copyingMs;
  };
  // looked at again where the machine stood still in between
  await expect.poll(slower).toBeLessThan(100);
});
