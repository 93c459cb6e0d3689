/** Messages to bytes and back: deterministic, Any in and out, content hashes, proto3 JSON with proto field names. */
import { createHash } from 'node:crypto';
import type protobuf from 'protobufjs';
import { findType, lookupType, type MessageName, type MessageTypes } from './envoy.ts';

export interface PackedAny {
  type_url: string;
  value: Uint8Array;
}

const typePrefix = 'type.googleapis.com/';

/** Encodes a message; equal messages give equal bytes (map entries are written in key order). */
export function encode<N extends MessageName>(name: N, message: MessageTypes[N]): Uint8Array {
  return encodeAs(lookupType(name), message as Record<string, unknown>);
}

function encodeAs(type: protobuf.Type, message: Record<string, unknown>): Uint8Array {
  return type.encode(type.fromObject(sortMaps(type, message))).finish();
}

/**
 * Decodes bytes into a plain object that holds only the fields that are set: enums by name, 64-bit numbers as numbers,
 * Any as `{ type_url, value }`. Throws on malformed bytes.
 */
export function decode<N extends MessageName>(name: N, bytes: Uint8Array): MessageTypes[N] {
  const type = lookupType(name);
  return type.toObject(type.decode(bytes), { enums: String, longs: Number }) as MessageTypes[N];
}

export function packAny<N extends MessageName>(name: N, message: MessageTypes[N]): PackedAny {
  return { type_url: typePrefix + name, value: encode(name, message) };
}

/** Full message name inside an Any's type URL. */
export function messageNameOf(typeUrl: string): string {
  return typeUrl.slice(typeUrl.lastIndexOf('/') + 1);
}

/** First 16 hex digits of the SHA-256 of the bytes: the version of a resource. */
export function contentHash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16);
}

/** Map entries keep insertion order on the wire, so equal maps could differ in bytes; sorted keys make them equal. */
function sortMaps(type: protobuf.Type, message: Record<string, unknown>): Record<string, unknown> {
  if (!holdsMaps(type)) return message;
  const sorted: Record<string, unknown> = {};
  for (const key of Object.keys(message)) {
    const value = message[key];
    const field = type.fields[key];
    sorted[key] = field === undefined || value === null || value === undefined ? value : sortField(field, value);
  }
  return sorted;
}

function sortField(field: protobuf.Field, value: unknown): unknown {
  const type = field.resolvedType;
  const sortOne = (one: unknown): unknown =>
    type !== null && 'fields' in type && typeof one === 'object' && one !== null
      ? sortMaps(type as protobuf.Type, one as Record<string, unknown>)
      : one;
  if (field.map) {
    const map = value as Record<string, unknown>;
    const sorted: Record<string, unknown> = {};
    for (const key of Object.keys(map).sort()) sorted[key] = sortOne(map[key]);
    return sorted;
  }
  return Array.isArray(value) ? value.map(sortOne) : sortOne(value);
}

const mapHolders = new Map<protobuf.Type, boolean>();

function holdsMaps(type: protobuf.Type): boolean {
  const known = mapHolders.get(type);
  if (known !== undefined) return known;
  const reached = new Set<protobuf.Type>();
  const open = [type];
  let found = false;
  for (let next = open.pop(); next !== undefined && !found; next = open.pop()) {
    if (reached.has(next)) continue;
    reached.add(next);
    for (const field of next.fieldsArray) {
      if (field.map) found = true;
      if (field.resolvedType !== null && 'fields' in field.resolvedType) open.push(field.resolvedType as protobuf.Type);
    }
  }
  mapHolders.set(type, found);
  return found;
}

/** Proto3 JSON with proto field names, nested Any values unpacked (as Envoy's admin prints them). */
export function toJson(any: { type_url: string; value: Uint8Array }): Record<string, unknown> {
  // one without a message
  if (any.type_url === '') return {};
  const name = messageNameOf(any.type_url);
  const type = findType(name);
  if (type === undefined) return { '@type': any.type_url, value: Buffer.from(any.value).toString('base64') };
  const body = messageToJson(type, type.decode(any.value) as unknown as Record<string, unknown>);
  const wellKnown = typeof body !== 'object' || body === null || Array.isArray(body);
  return wellKnown ? { '@type': any.type_url, value: body } : { '@type': any.type_url, ...(body as object) };
}

function messageToJson(type: protobuf.Type, message: Record<string, unknown>): unknown {
  const special = wellKnownJson[type.fullName];
  if (special !== undefined) return special(message);
  const json: Record<string, unknown> = {};
  for (const field of type.fieldsArray) {
    if (!Object.hasOwn(message, field.name)) continue;
    const value = message[field.name];
    if (value === null || value === undefined) continue;
    if (field.repeated) {
      const list = value as unknown[];
      if (list.length > 0) json[field.name] = list.map((one) => valueToJson(field, one));
    } else if (field.map) {
      const entries = Object.entries(value as Record<string, unknown>);
      if (entries.length > 0)
        json[field.name] = Object.fromEntries(entries.map(([k, v]) => [k, valueToJson(field, v)]));
    } else {
      json[field.name] = valueToJson(field, value);
    }
  }
  return json;
}

function valueToJson(field: protobuf.Field, value: unknown): unknown {
  const type = field.resolvedType;
  if (type !== null) {
    if ('values' in type) return type.valuesById[value as number] ?? value;
    return messageToJson(type as protobuf.Type, value as Record<string, unknown>);
  }
  if (field.type === 'bytes') return Buffer.from(value as Uint8Array).toString('base64');
  // proto3 JSON writes 64-bit integers as strings
  if (/^(u?int64|s?fixed64|sint64)$/.test(field.type)) return String(value);
  return value;
}

const wrapper = (message: Record<string, unknown>): unknown => message['value'] ?? 0;

const wellKnownJson: Record<string, (message: Record<string, unknown>) => unknown> = {
  '.google.protobuf.Any': (m) =>
    toJson({ type_url: String(m['type_url']), value: (m['value'] ?? new Uint8Array()) as Uint8Array }),
  '.google.protobuf.Duration': (m) => durationToJson(Number(m['seconds'] ?? 0), Number(m['nanos'] ?? 0)),
  '.google.protobuf.BoolValue': (m) => m['value'] === true,
  '.google.protobuf.StringValue': (m) => m['value'] ?? '',
  '.google.protobuf.UInt32Value': wrapper,
  '.google.protobuf.Int32Value': wrapper,
  '.google.protobuf.DoubleValue': wrapper,
  '.google.protobuf.FloatValue': wrapper,
  '.google.protobuf.UInt64Value': (m) => String(m['value'] ?? 0),
  '.google.protobuf.Int64Value': (m) => String(m['value'] ?? 0),
  '.google.protobuf.Struct': (m) =>
    Object.fromEntries(
      Object.entries((m['fields'] ?? {}) as Record<string, Record<string, unknown>>).map(([k, v]) => [
        k,
        structValue(v),
      ]),
    ),
  '.google.protobuf.Value': (m) => structValue(m),
};

// protobufjs bundles google.protobuf.Value with camel-case field names
function structValue(value: Record<string, unknown>): unknown {
  if (Object.hasOwn(value, 'stringValue')) return value['stringValue'];
  if (Object.hasOwn(value, 'numberValue')) return value['numberValue'];
  if (Object.hasOwn(value, 'boolValue')) return value['boolValue'];
  if (Object.hasOwn(value, 'structValue')) {
    return wellKnownJson['.google.protobuf.Struct']?.(value['structValue'] as Record<string, unknown>);
  }
  if (Object.hasOwn(value, 'listValue')) {
    const list = (value['listValue'] as { values?: Record<string, unknown>[] }).values ?? [];
    return list.map(structValue);
  }
  return null;
}

function durationToJson(seconds: number, nanos: number): string {
  // 0, 3, 6 or 9 digits, as the proto3 JSON mapping says
  const fraction =
    nanos === 0
      ? ''
      : `.${String(Math.abs(nanos))
          .padStart(9, '0')
          .replace(/(000)+$/, '')}`;
  const sign = seconds < 0 || nanos < 0 ? '-' : '';
  return `${sign}${Math.abs(seconds)}${fraction}s`;
}

/** Milliseconds to google.protobuf.Duration. */
export function durationOf(ms: number): { seconds: number; nanos: number } {
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: Math.round((ms - seconds * 1000) * 1e6) };
}

/** google.protobuf.Duration (as decoded here) to milliseconds. */
export function durationMs(duration: { seconds?: unknown; nanos?: number }): number {
  return Number(duration.seconds ?? 0) * 1000 + (duration.nanos ?? 0) / 1e6;
}
