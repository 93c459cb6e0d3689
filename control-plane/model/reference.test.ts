import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { checkDocument } from './check.ts';
import { kinds } from './document.ts';
import { jsonSchemas } from './json-schemas.ts';
import { referencePage } from './reference.ts';

const remedy = 'Run: node control-plane/model/reference.ts > docs/documents.md';

test('docs/documents.md is what the schemas say', () => {
  const page = readFileSync(new URL('../../docs/documents.md', import.meta.url), 'utf8');
  expect(page === referencePage(), remedy).toBe(true);
});

interface Schema {
  readonly [word: string]: unknown;
  readonly properties?: Record<string, Schema>;
  readonly anyOf?: Schema[];
  readonly items?: Schema;
}

/** Every field with its place. */
function fieldsOf(schema: Schema, path: string): [string, Schema][] {
  const inside = [schema, ...(schema.anyOf ?? [])].flatMap((option) => [option, option.items ?? {}] as Schema[]);
  return inside.flatMap(({ properties = {} }) =>
    Object.entries(properties).flatMap(([name, field]): [string, Schema][] => [
      [`${path}/${name}`, field],
      ...fieldsOf(field, `${path}/${name}`),
    ]),
  );
}

test.each(kinds)('every field of a %s says what it means and what it becomes', (kind) => {
  const spec = (jsonSchemas()[kind] as Schema).properties?.['spec'] ?? {};
  const fields = fieldsOf(spec, '/spec');
  expect(fields.length).toBeGreaterThan(0);
  for (const [path, field] of fields) {
    expect(field['description'], path).toMatch(/\.$/);
    expect(field['x-envoy'], path).toBeTypeOf('string');
  }
});

test.each(kinds)('the JSON schema of a %s is closed and names its kind', (kind) => {
  const schema = jsonSchemas()[kind] as Schema;
  expect(schema).toMatchObject({ type: 'object', additionalProperties: false });
  expect(schema.properties?.['kind']).toMatchObject({ const: kind });
  expect(schema['required']).toEqual(expect.arrayContaining(['kind', 'name']));
  expect('tenant' in (schema.properties ?? {})).toBe(!['Tenant', 'NodeGroup', 'Listener'].includes(kind));
  expect(JSON.parse(JSON.stringify(schema))).toEqual(schema);
});

test('a default of the reference, written out, changes nothing', () => {
  const least = { Listener: { groups: 'edge', port: 1 }, Route: { hosts: 'a.b', to: { cluster: 'c' } } };
  for (const kind of ['Tenant', 'NodeGroup', 'Listener', 'Route'] as const) {
    const spec = (jsonSchemas()[kind] as Schema).properties?.['spec'] ?? {};
    const defaults = Object.entries(spec.properties ?? {}).filter(([, field]) => field['default'] !== undefined);
    const written = Object.fromEntries(defaults.map(([name, field]) => [name, field['default']]));
    const required = kind in least ? least[kind as keyof typeof least] : {};
    expect(checkDocument({ kind, name: 'a', spec: { ...written, ...required } }).ok, kind).toBe(true);
  }
});
