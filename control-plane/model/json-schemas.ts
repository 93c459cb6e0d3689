/** The documents as JSON Schema (2020-12), of what people write; for OpenAPI, editors, and the reference page. */
import { z } from 'zod';
import { type Kind, kinds } from './document.ts';
import { ownedEnvelope, platformEnvelope } from './schemas/envelope.ts';
import { kindFacts } from './schemas/kinds.ts';

/**
 * One schema a kind, whole documents. Beside JSON Schema's own words: `x-envoy` (what a field becomes), `x-type` and
 * `x-default` (in words, where JSON Schema has none), `x-not-supported-yet` (names that are known but not carried out).
 */
export function jsonSchemas(): Record<Kind, object> {
  return Object.fromEntries(kinds.map((kind) => [kind, jsonSchemaOf(kind)])) as Record<Kind, object>;
}

function jsonSchemaOf(kind: Kind): object {
  const { byTenants, schemaFor, summary } = kindFacts[kind];
  const { $schema: _dialect, ...envelope } = toJson(byTenants ? ownedEnvelope : platformEnvelope);
  const { $schema: _sameDialect, ...spec } = toJson(schemaFor(undefined));
  const { kind: _kind, name, tenant, ...others } = envelope['properties'] as Record<string, object>;
  return {
    ...envelope,
    description: summary,
    required: ['kind', 'name', ...('required' in spec ? ['spec'] : [])],
    properties: {
      kind: { const: kind, description: 'What it is.' },
      name,
      ...(byTenants && { tenant }),
      ...others,
      spec: { ...spec, description: 'What it says.' },
    },
  };
}

function toJson(schema: z.ZodType): Record<string, unknown> {
  return z.toJSONSchema(schema, { io: 'input', target: 'draft-2020-12', override: tidy }) as Record<string, unknown>;
}

/** An empty list of what is not supported yet says nothing. */
function tidy({ jsonSchema }: { jsonSchema: Record<string, unknown> }): void {
  const later = jsonSchema['x-not-supported-yet'];
  if (Array.isArray(later) && later.length === 0) delete jsonSchema['x-not-supported-yet'];
}
