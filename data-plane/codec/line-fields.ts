/**
 * Lines of HTTP/1.1 as fields of HTTP/2. A line that comes again is found by its bytes, without making strings, and is
 * one shared object from then on, so that HPACK finds it by identity; one that comes once takes no place in any table.
 */
import { type Field, field, sharedField } from '../../proto/http2/field.ts';

const slots = 4_096;
/** Longer lines are hardly ever the same twice. */
const maxBytes = 192;

/** What belongs to one client is never shared, nor put into the table of a connection. */
const personal = new Set(['cookie', 'set-cookie', 'authorization', 'proxy-authorization']);

const keys = new Uint8Array(slots * maxBytes);
/** Bytes of the name, and of name and value; 0: empty. */
const nameBytes = new Uint8Array(slots);
const lineBytes = new Uint8Array(slots);
const found: (Field | undefined)[] = new Array(slots).fill(undefined);
const isShared = new Uint8Array(slots);

/** The header in `b[nameStart, nameEnd)` (lower-case) and `b[valueStart, valueEnd)`, well-formed. */
export function fieldOfLine(
  b: Buffer,
  nameStart: number,
  nameEnd: number,
  valueStart: number,
  valueEnd: number,
): Field {
  const inName = nameEnd - nameStart;
  const inValue = valueEnd - valueStart;
  if (inName + inValue > maxBytes) return make(b, nameStart, nameEnd, valueStart, valueEnd);
  // a few bytes that differ where lines do: the value's last ones
  let hash = Math.imul(inName, 31) + inValue;
  hash = Math.imul(hash, 31) + b[nameStart]!;
  hash = Math.imul(hash, 31) + b[nameEnd - 1]!;
  for (let i = Math.max(valueStart, valueEnd - 6); i < valueEnd; i++) hash = Math.imul(hash, 31) + b[i]!;
  const slot = (hash ^ (hash >>> 12)) & (slots - 1);
  if (isIn(slot, b, nameStart, inName, valueStart, inValue)) {
    if (isShared[slot] === 1) return found[slot]!;
    const { name, value } = found[slot]!;
    isShared[slot] = 1;
    if (!personal.has(name)) found[slot] = sharedField(name, value);
    return found[slot]!;
  }
  const made = make(b, nameStart, nameEnd, valueStart, valueEnd);
  b.copy(keys, slot * maxBytes, nameStart, nameEnd);
  b.copy(keys, slot * maxBytes + inName, valueStart, valueEnd);
  nameBytes[slot] = inName;
  lineBytes[slot] = inName + inValue;
  found[slot] = made;
  isShared[slot] = 0;
  return made;
}

function isIn(
  slot: number,
  b: Buffer,
  nameStart: number,
  inName: number,
  valueStart: number,
  inValue: number,
): boolean {
  if (nameBytes[slot] !== inName || lineBytes[slot] !== inName + inValue) return false;
  let at = slot * maxBytes;
  for (let i = 0; i < inName; i++) if (keys[at++] !== b[nameStart + i]) return false;
  for (let i = 0; i < inValue; i++) if (keys[at++] !== b[valueStart + i]) return false;
  return true;
}

function make(b: Buffer, nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): Field {
  return field(b.latin1Slice(nameStart, nameEnd), b.latin1Slice(valueStart, valueEnd));
}
