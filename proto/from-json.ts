/** Proto3 JSON, as codec.ts writes it, to messages: for those that travel as xds.type.v3.TypedStruct. */
import type protobuf from 'protobufjs';
import { lookupType, type MessageName, type MessageTypes } from './envoy.ts';

/** Throws for what is no such message, saying where. */
export function fromJson<N extends MessageName>(name: N, json: unknown): MessageTypes[N] {
  return messageOf(lookupType(name), json, '') as MessageTypes[N];
}

function messageOf(type: protobuf.Type, json: unknown, path: string): unknown {
  const special = wellKnown[type.fullName];
  if (special !== undefined) return special(json, path);
  if (json === null || typeof json !== 'object' || Array.isArray(json)) throw new Error(`${path}: is no object`);
  return Object.fromEntries(
    Object.entries(json).map(([name, value]) => {
      const at = path === '' ? name : `${path}.${name}`;
      const field = Object.hasOwn(type.fields, name) ? type.fields[name] : undefined;
      if (field === undefined) throw new Error(`${at}: is unknown`);
      return [name, fieldOf(field, value, at)];
    }),
  );
}

function fieldOf(field: protobuf.Field, json: unknown, path: string): unknown {
  if (field.map) throw new Error(`${path}: maps are not read`);
  if (!field.repeated) return fieldValue(field, json, path);
  if (!Array.isArray(json)) throw new Error(`${path}: is no list`);
  return json.map((one, index) => fieldValue(field, one, `${path}[${index}]`));
}

function fieldValue(field: protobuf.Field, json: unknown, path: string): unknown {
  const type = field.resolvedType;
  if (type !== null && 'fields' in type) return messageOf(type as protobuf.Type, json, path);
  if (type !== null) {
    if (typeof json === 'string' && Object.hasOwn((type as protobuf.Enum).values, json)) return json;
    throw new Error(`${path}: is no word of ${type.name}`);
  }
  return scalarOf(field.type === 'bool' ? 'boolean' : field.type === 'string' ? 'string' : 'number', json, path);
}

function scalarOf(wanted: 'boolean' | 'string' | 'number', json: unknown, path: string): unknown {
  // 64-bit numbers are texts
  const value = wanted === 'number' && typeof json === 'string' && /^-?\d{1,15}$/.test(json) ? Number(json) : json;
  if (typeof value === wanted) return value;
  throw new Error(`${path}: is no ${wanted}`);
}

const wrapped =
  (wanted: 'boolean' | 'string' | 'number') =>
  (json: unknown, path: string): unknown => ({ value: scalarOf(wanted, json, path) });

const wellKnown: Readonly<Record<string, (json: unknown, path: string) => unknown>> = {
  '.google.protobuf.Duration': durationOf,
  '.google.protobuf.BoolValue': wrapped('boolean'),
  '.google.protobuf.StringValue': wrapped('string'),
  ...Object.fromEntries(
    ['UInt32', 'Int32', 'UInt64', 'Int64', 'Double', 'Float'].map((number) => [
      `.google.protobuf.${number}Value`,
      wrapped('number'),
    ]),
  ),
};

function durationOf(json: unknown, path: string): unknown {
  const match = typeof json === 'string' ? /^(\d{1,12})(?:\.(\d{1,9}))?s$/.exec(json) : null;
  if (match === null) throw new Error(`${path}: is no duration`);
  return { seconds: Number(match[1]), nanos: Number((match[2] ?? '').padEnd(9, '0')) };
}
