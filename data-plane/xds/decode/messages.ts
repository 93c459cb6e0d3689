/** Bytes to messages, without throwing. */
import { decode, messageNameOf } from '../../../proto/codec.ts';
import type { MessageName, MessageTypes } from '../../../proto/envoy.ts';
import { type Decoded, Place } from './problems.ts';
import { freeze } from './values.ts';

/**
 * Decodes bytes and reads them. `read` reports problems at the place that it is given, and may answer null only if it
 * reported one.
 */
export function decodeWith<N extends MessageName, T>(
  name: N,
  bytes: Uint8Array,
  read: (place: Place, message: MessageTypes[N]) => T | null,
): Decoded<T> {
  const place = new Place();
  const message = decodeAt(place, name, bytes);
  const value = message === null ? null : read(place, message);
  if (value === null || place.problems.length > 0) return { ok: false, problems: place.problems };
  return { ok: true, value: freeze(value) };
}

function decodeAt<N extends MessageName>(place: Place, name: N, bytes: Uint8Array): MessageTypes[N] | null {
  try {
    return decode(name, bytes);
  } catch (error) {
    place.refuse(`malformed ${name}: ${error instanceof Error ? error.message : String(error)}`);
    return null;
  }
}

/** Full message name inside a google.protobuf.Any (as decoded here); empty if there is none. */
export function anyName(any: unknown): string {
  const { type_url: typeUrl = '' } = (any ?? {}) as { type_url?: string };
  return messageNameOf(typeUrl);
}

/** The message inside a google.protobuf.Any whose name was looked at already; null after reporting a problem. */
export function unpackAny<N extends MessageName>(place: Place, name: N, any: unknown): MessageTypes[N] | null {
  const { value = new Uint8Array() } = (any ?? {}) as { value?: Uint8Array };
  return decodeAt(place, name, value);
}

/** A google.protobuf.Struct (as decoded here) as the plain JSON that it stands for. */
export function structToJson(struct: StructMessage): Record<string, unknown> {
  return Object.fromEntries(Object.entries(struct.fields ?? {}).map(([name, value]) => [name, valueToJson(value)]));
}

export interface StructMessage {
  readonly fields?: Readonly<Record<string, unknown>>;
}

function valueToJson(value: unknown): unknown {
  const { stringValue, numberValue, boolValue, structValue, listValue } = value as {
    stringValue?: string;
    numberValue?: number | string;
    boolValue?: boolean;
    structValue?: StructMessage;
    listValue?: { values?: unknown[] };
  };
  if (structValue !== undefined) return structToJson(structValue);
  if (listValue !== undefined) return (listValue.values ?? []).map(valueToJson);
  return stringValue ?? numberValue ?? boolValue ?? null;
}
