/** The reference page: every field of every kind, from the schemas. `node control-plane/model/reference.ts > docs/documents.md` */
import { type Kind, kinds } from './document.ts';
import { jsonSchemas } from './json-schemas.ts';
import { kindFacts, kindsNotYet } from './schemas/kinds.ts';

/** As much of JSON Schema as our schemas use. */
interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema | false;
  readonly anyOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default?: unknown;
  readonly description?: string;
  readonly readOnly?: boolean;
  readonly 'x-envoy'?: string;
  readonly 'x-type'?: string;
  readonly 'x-default'?: string;
  readonly 'x-not-supported-yet'?: readonly string[];
}

const intro = `# Documents, field by field

<!-- Made from the schemas by control-plane/model/reference.ts; do not edit. -->

One shape everywhere, in YAML or JSON, in files (several between \`---\`) and over REST: \`kind\`, \`name\`, \`tenant\` where a
tenant owns it, \`labels\`, \`ignore\`, \`spec\`.

- A field that is not listed here is refused with its place and the nearest name that is. One that is planned is refused as
  *not supported yet*, never accepted and ignored.
- Names are 1 to 63 lower-case letters, digits and \`-\`. A reference is a name (the same owner's) or \`tenant/name\`; another
  tenant's object needs a Grant, which is not supported yet. Listeners and node groups are the platform's, named by name.
- A duration has its unit: \`250ms\`, \`15s\`, \`1h30m\`; \`0s\` means none. Sizes: \`64KiB\`, \`1MiB\`. Percentages: \`12.5%\`.
  Addresses are IP addresses.
- A list of one may be written as the thing itself.
- What the server adds (\`revision\`, \`createdAt\`, \`updatedAt\`, \`updatedBy\`, \`status\`) may stand in what is sent and is
  dropped, so that \`fairlead get … -o yaml\` can be edited and applied.
`;

/** The whole page, in Markdown. */
export function referencePage(): string {
  const schemas = jsonSchemas() as Record<Kind, Schema>;
  const { properties = {}, required = [] } = schemas.Route;
  const around = Object.entries(properties)
    .filter(([name, { readOnly }]) => !readOnly && !['kind', 'spec'].includes(name))
    .map(([name, schema]) => row(name, schema, required.includes(name)));
  const parts = [
    intro,
    '## Around every spec\n',
    table([['`kind`', 'a kind below', '*required*', 'What it is.', ''], ...around]),
    ...kinds.map((kind) => section(kind, schemas[kind])),
    `## Kinds that are not supported yet\n\n${codes(kindsNotYet)}.\n`,
  ];
  return `${parts.join('\n').trimEnd()}\n`;
}

function section(kind: Kind, { description, properties }: Schema): string {
  const spec = properties?.['spec'] ?? {};
  const owner = kindFacts[kind].byTenants ? 'Owned by a tenant, or by the platform.' : 'Owned by the platform.';
  const later = laterOf(spec, '');
  const rest = later.length === 0 ? '' : `\nNot supported yet: ${codes(later)}.\n`;
  return `## ${kind}\n\n${description} ${owner}\n\n${table(rowsOf(spec, ''))}${rest}`;
}

function table(rows: readonly string[][]): string {
  const head = ['field', 'type', 'default', 'meaning', "in Envoy's messages"];
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.map(cell).join(' | ')} |`);
  return `${lines.join('\n')}\n`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

function rowsOf(schema: Schema, prefix: string): string[][] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const path = `${prefix}${name}`;
    const inside = insideOf(field);
    const below = inside === undefined ? [] : rowsOf(inside.schema, `${path}${inside.list ? '[]' : ''}.`);
    return [row(path, field, schema.required?.includes(name) ?? false), ...below];
  });
}

function row(path: string, schema: Schema, required: boolean): string[] {
  return [
    `\`${path}\``,
    typeOf(schema),
    defaultOf(schema, required),
    schema.description ?? '',
    schema['x-envoy'] ?? '',
  ];
}

/** The object whose fields are written below a field: the field itself, or what its list holds. */
function insideOf(field: Schema): { schema: Schema; list: boolean } | undefined {
  if (field['x-type'] !== undefined) return undefined;
  if (field.properties !== undefined) return { schema: field, list: false };
  for (const option of field.anyOf ?? []) {
    if (option.items && option.items.properties !== undefined) return { schema: option.items, list: true };
    if (option.properties !== undefined) return { schema: option, list: false };
  }
  return undefined;
}

function typeOf(schema: Schema): string {
  if (schema['x-type'] !== undefined) return schema['x-type'];
  if (schema.const !== undefined) return `\`${schema.const}\``;
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${value}\``).join(' | ');
  const [first, ...others] = schema.anyOf ?? [];
  if (first !== undefined) {
    const list = first.type === 'array' && first.items ? `list of ${plural(typeOf(first.items))}` : undefined;
    return list ?? [first, ...others].map(typeOf).join(' | ');
  }
  if (schema.type === 'integer') return `${schema.minimum} to ${schema.maximum}`;
  return schema.type ?? 'anything';
}

function plural(type: string): string {
  if (/[|\d`]/.test(type)) return type;
  return /s$/.test(type) ? `${type}es` : `${type}s`;
}

function defaultOf(schema: Schema, required: boolean): string {
  if (required) return '*required*';
  if (schema['x-default'] !== undefined) return schema['x-default'];
  const { default: value } = schema;
  if (value === undefined) return '';
  if (typeof value === 'string') return `\`${value}\``;
  // What an absent object means is said field by field below it.
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? '' : `\`${JSON.stringify(value)}\``;
}

/** Names that are known but refused, as paths; words of a field as `field: word`. */
function laterOf(schema: Schema, prefix: string): string[] {
  const own = (schema['x-not-supported-yet'] ?? []).map((name) => `${prefix}${name}`);
  const below = Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const words = field.properties === undefined ? (field['x-not-supported-yet'] ?? []) : [];
    const inside = insideOf(field);
    return [
      ...words.map((word) => `${prefix}${name}: ${word}`),
      ...(inside === undefined ? [] : laterOf(inside.schema, `${prefix}${name}${inside.list ? '[]' : ''}.`)),
    ];
  });
  return [...own, ...below];
}

function codes(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(', ');
}

if (import.meta.main) process.stdout.write(referencePage());
