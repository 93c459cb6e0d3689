/** Single values of messages: wrappers, durations, texts that go out on the wire; and freezing. */
import { durationMs } from '../../../proto/codec.ts';
import type { Place } from './problems.ts';

export type Wrapped<T> = { readonly value?: T } | null | undefined;

/** google.protobuf.BoolValue. */
export function bool(wrapped: Wrapped<boolean>, fallback: boolean): boolean {
  return wrapped === null || wrapped === undefined ? fallback : (wrapped.value ?? false);
}

/** google.protobuf.UInt32Value. */
export function uint32(wrapped: Wrapped<number>, fallback: number): number {
  return wrapped === null || wrapped === undefined ? fallback : (wrapped.value ?? 0);
}

/** As {@link uint32}, with a problem for a value outside `min` to `max`. */
export function uint32Within(
  place: Place,
  wrapped: Wrapped<number>,
  fallback: number,
  min: number,
  max = 4_294_967_295,
): number {
  const value = uint32(wrapped, fallback);
  if (value < min || value > max) place.refuse(`must be between ${min} and ${max}`);
  return value;
}

/** google.protobuf.UInt64Value, with a problem for a value outside `min` to `max`. */
export function uint64Within(
  place: Place,
  wrapped: Wrapped<unknown>,
  fallback: number,
  min: number,
  max = Number.MAX_SAFE_INTEGER,
): number {
  const value = wrapped === null || wrapped === undefined ? fallback : Number(wrapped.value ?? 0);
  if (value < min || value > max) place.refuse(`must be between ${min} and ${max}`);
  return value;
}

/** envoy.type.v3.Percent. */
export function percent(place: Place, message: Wrapped<number | string>, fallback: number): number {
  if (message === null || message === undefined) return fallback;
  const value = Number(message.value ?? 0);
  if (!(value >= 0 && value <= 100)) place.refuse('must be between 0 and 100');
  return value;
}

/** envoy.config.core.v3.RuntimeDouble: its default, as nothing else is ever set at run time. */
export function runtimeDouble(
  message: { readonly default_value?: number | string } | null | undefined,
  fallback: number,
): number {
  return message === null || message === undefined ? fallback : Number(message.default_value ?? 0);
}

/** The longest time that a timer of the runtime can wait: beyond, it would fire at once. */
const longestMs = 2_147_483_647;

type DurationMessage = { readonly seconds?: unknown; readonly nanos?: number } | null | undefined;

/** google.protobuf.Duration in whole milliseconds, rounded up, so that only 0 becomes 0. */
export function millis(place: Place, duration: DurationMessage, fallback: number): number {
  if (duration === null || duration === undefined) return fallback;
  const ms = durationMs(duration as { seconds?: unknown; nanos?: number });
  if (!(ms >= 0) || Math.abs(duration.nanos ?? 0) > 999_999_999) {
    place.refuse('must be a duration of 0 or more');
    return fallback;
  }
  return Math.min(Math.ceil(ms), longestMs);
}

/** As {@link millis}, with a problem for 0. */
export function positiveMillis(place: Place, duration: DurationMessage, fallback: number): number {
  const ms = millis(place, duration, fallback);
  if (ms === 0) place.refuse('must be more than 0');
  return ms;
}

/** A text that is required. */
export function required(place: Place, text: string | undefined): string {
  if (text === undefined || text === '') place.refuse('must not be empty');
  return text ?? '';
}

/** A text that will stand in a header or in a request line, where a line break would forge another one. */
export function wireText(place: Place, text: string): string {
  if (/[\0-\x1f\x7f]/.test(text)) place.refuse('must not hold control characters');
  return text;
}

/** Freezes a tree of plain objects and lists (byte arrays cannot be frozen). */
export function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array || Object.isFrozen(value))
    return value;
  for (const part of Object.values(value)) freeze(part);
  return Object.freeze(value);
}
