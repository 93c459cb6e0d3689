/**
 * Which fields of a message are carried out. Nothing that is set may be passed over in silence: a field is read, or it
 * is known to change nothing, or it is a problem.
 */
import { lookupType } from '../../../proto/envoy.ts';
import { type Place, unsupported } from './problems.ts';

export interface FieldRules {
  /** Read by the decoder. */
  readonly carried?: readonly string[];
  /** May be set to anything: no request and no connection could tell the difference. */
  readonly ignored?: readonly string[];
  /** May be set to these values only: they say what is done anyway. Wrapped values stand unwrapped. */
  readonly only?: Readonly<Record<string, readonly unknown[]>>;
}

type Field = ReturnType<typeof lookupType>['fields'][string];

export interface FieldTable {
  readonly fields: Readonly<Record<string, Field>>;
  readonly free: ReadonlySet<string>;
  readonly only: ReadonlyMap<string, readonly unknown[]>;
}

/**
 * @param message full protobuf name
 * @throws Error for a rule about a field that the message does not have
 */
export function fieldTable(message: string, rules: FieldRules): FieldTable {
  const { fields } = lookupType(message);
  const free = new Set([...(rules.carried ?? []), ...(rules.ignored ?? [])]);
  const only = new Map(Object.entries(rules.only ?? {}));
  for (const name of [...free, ...only.keys()]) {
    if (fields[name] === undefined) throw new Error(`${message} has no field ${name}: correct its table`);
  }
  return { fields, free, only };
}

/** Reports each field of `message` that is set and neither carried out nor harmless. */
export function checkFields(place: Place, message: object, table: FieldTable): void {
  for (const [name, value] of Object.entries(message)) {
    if (table.free.has(name)) continue;
    const field = table.fields[name];
    if (field === undefined) continue;
    const accepted = table.only.get(name);
    if (accepted === undefined) {
      if (!isUnset(field, value)) place.field(name).refuse(unsupported);
    } else if (!accepted.includes(unwrap(field, value))) {
      place.field(name).refuse(`${JSON.stringify(unwrap(field, value))} is ${unsupported}`);
    }
  }
}

/** Empty, or the default that proto3 cannot tell from unset. A message that is there is set, also an empty one. */
function isUnset(field: Field, value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === 0 || value === '') return true;
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length === 0;
  if (field.map) return Object.keys(value).length === 0;
  const type = field.resolvedType;
  return type !== null && 'values' in type && type.values[String(value)] === 0;
}

function unwrap(field: Field, value: unknown): unknown {
  const wrapper = /^\.google\.protobuf\.(Bool|UInt32)Value$/.exec(field.resolvedType?.fullName ?? '');
  if (wrapper === null || typeof value !== 'object' || value === null) return value;
  return (value as { value?: unknown }).value ?? (wrapper[1] === 'Bool' ? false : 0);
}
