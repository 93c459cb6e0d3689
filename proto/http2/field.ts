/**
 * Header fields as objects that can be shared. A field that is likely to come again is interned: one object for one
 * name and value, whoever sent it, so that an encoder finds it in its table by identity, without looking at the text.
 */
import { encodeHuffman, huffmanLength } from './huffman.ts';
import { limits } from './limits.ts';
import { staticTable } from './static-table.ts';

/** What a name means to the rules for messages (RFC 9113 section 8). */
export const kinds = {
  plain: 0,
  method: 1,
  scheme: 2,
  authority: 3,
  path: 4,
  status: 5,
  protocol: 6,
  unknownPseudo: 7,
  /** Belongs to a connection of HTTP/1, and may not come here. */
  connection: 8,
  te: 9,
  contentLength: 10,
  host: 11,
} as const;

export interface Field {
  /** In lower case. */
  readonly name: string;
  readonly value: string;
  /** To be kept out of every table on the way (RFC 7541 section 7.1.3). */
  readonly neverIndexed: boolean;
  /** What the user has found out about it and keeps here, for as long as the object lives; -1: nothing yet. */
  mark: number;
}

export type FieldLike = Field | readonly [name: string, value: string];

const nameKinds: Readonly<Record<string, number>> = {
  ':method': kinds.method,
  ':scheme': kinds.scheme,
  ':authority': kinds.authority,
  ':path': kinds.path,
  ':status': kinds.status,
  ':protocol': kinds.protocol,
  connection: kinds.connection,
  'proxy-connection': kinds.connection,
  'keep-alive': kinds.connection,
  'transfer-encoding': kinds.connection,
  upgrade: kinds.connection,
  te: kinds.te,
  'content-length': kinds.contentLength,
  host: kinds.host,
};
const kindsByName = new Map(Object.entries(nameKinds));

const wellFormedName = /^:?[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const wellFormedValue = /^(?![ \t])[\t\x20-\x7e\x80-\xff]*$(?<![ \t])/;

/** What becomes part of a request line in HTTP/1 may hold no more than it may there (RFC 9110, RFC 3986). */
const wellFormedAuthority = /^[!$%&'()*+,\-.:;=[\]_~0-9A-Za-z]*$/;
/** By kind. */
const wellFormedValues: RegExp[] = Object.values(kinds).map(() => wellFormedValue);
wellFormedValues[kinds.method] = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]*$/;
wellFormedValues[kinds.scheme] = /^(?:[A-Za-z][A-Za-z0-9+\-.]*)?$/;
wellFormedValues[kinds.path] = /^[!$-;=@-[\]-~]*(?:\?[!$-;=?-~]*)?$/;
wellFormedValues[kinds.authority] = wellFormedAuthority;
wellFormedValues[kinds.host] = wellFormedAuthority;

export class FieldRecord implements Field {
  readonly name: string;
  readonly value: string;
  readonly neverIndexed: boolean;
  readonly isInterned: boolean;
  /** Place of name and value in the static table, or 0. */
  readonly staticIndex: number;
  /** Place of the name in the static table, or 0. */
  readonly nameIndex: number;
  readonly kind: number;
  /** Name and value may stand in a message (RFC 9113 section 8.2.1). */
  readonly isWellFormed: boolean;
  /** As the tables count it (RFC 7541 section 4.1), bytes. */
  readonly size: number;
  mark = -1;
  /** Name and value in their shorter wire forms; made when first needed, for interned fields only. */
  nameWire: Buffer | undefined = undefined;
  valueWire: Buffer | undefined = undefined;

  constructor(name: string, value: string, neverIndexed: boolean, isInterned: boolean, staticIndex = 0) {
    this.name = name;
    this.value = value;
    this.neverIndexed = neverIndexed;
    this.isInterned = isInterned;
    this.staticIndex = staticIndex;
    const known = knownNames.get(name);
    this.nameIndex = known?.index ?? 0;
    this.kind = known?.kind ?? (name.startsWith(':') ? kinds.unknownPseudo : kinds.plain);
    this.isWellFormed = (known !== undefined || wellFormedName.test(name)) && wellFormedValues[this.kind]!.test(value);
    this.size = name.length + value.length + 32;
  }
}

const knownNames = new Map<string, { readonly index: number; readonly kind: number }>();
for (const [name, kind] of kindsByName) knownNames.set(name, { index: 0, kind });
for (let i = staticTable.length; i >= 1; i--) {
  const name = staticTable[i - 1]![0];
  knownNames.set(name, { index: i, kind: kindsByName.get(name) ?? kinds.plain });
}

/** By index; the first is a place holder. */
export const staticFields: readonly FieldRecord[] = [
  new FieldRecord('', '', false, true),
  ...staticTable.map(([name, value], i) => new FieldRecord(name, value, false, true, i + 1)),
];

const staticByText = new Map(staticFields.slice(1).map((one) => [`${one.name}\n${one.value}`, one]));
let interned = new Map<string, FieldRecord>();

/** The one object for this name and value; a fresh one if it is too long to be kept. */
export function internRecord(name: string, value: string): FieldRecord {
  if (name.length + value.length > limits.internedFieldBytes) return new FieldRecord(name, value, false, false);
  const key = `${name}\n${value}`;
  let found = staticByText.get(key) ?? interned.get(key);
  if (found === undefined) {
    found = new FieldRecord(name, value, false, true);
    // whoever still uses one of the old ones only misses his own table once
    if (interned.size >= limits.internedFields) interned = new Map();
    interned.set(key, found);
  }
  return found;
}

/**
 * A field that will be sent more than once: it takes a place in the tables of the connections that it goes over.
 * @throws TypeError if it may not stand in a message
 */
export function sharedField(name: string, value: string): Field {
  return checked(internRecord(name, value));
}

/**
 * A field for one message. Credentials (`authorization`, short cookies) stay out of every table by themselves.
 * @throws TypeError if it may not stand in a message
 */
export function field(name: string, value: string): Field {
  return checked(new FieldRecord(name, value, isSecret(name, value), false));
}

/** Short cookies can be guessed one by one by whoever sees the sizes (RFC 7541 section 7.1.3). */
function isSecret(name: string, value: string): boolean {
  return name === 'authorization' || name === 'proxy-authorization' || (name === 'cookie' && value.length < 20);
}

export function recordOf(one: FieldLike): FieldRecord {
  if (one instanceof FieldRecord) return one;
  if (isPair(one)) return checked(new FieldRecord(one[0], one[1], isSecret(one[0], one[1]), false));
  return checked(new FieldRecord(one.name, one.value, one.neverIndexed, false));
}

function isPair(one: FieldLike): one is readonly [string, string] {
  return Array.isArray(one);
}

/** The value of the first field of this name. */
export function fieldValue(fields: readonly Field[], name: string): string | undefined {
  for (let i = 0; i < fields.length; i++) if (fields[i]!.name === name) return fields[i]!.value;
  return undefined;
}

function checked(record: FieldRecord): FieldRecord {
  if (record.isWellFormed) return record;
  throw new TypeError(
    `The header field ${JSON.stringify(record.name)} may not be sent. Its name has to be a token in lower case, and ` +
      'its value Latin-1 without control characters, and without spaces at either end.',
  );
}

/** Both strings of a field as HPACK literals, coded by Huffman where that is shorter. */
export function wireString(text: string): Buffer {
  const coded = huffmanLength(text);
  const bytes = Buffer.allocUnsafeSlow(6 + Math.min(coded, text.length));
  if (coded >= text.length) {
    const at = writeInteger(bytes, 0, 0, 7, text.length);
    return bytes.subarray(0, at + bytes.latin1Write(text, at));
  }
  return bytes.subarray(0, encodeHuffman(text, bytes, writeInteger(bytes, 0, 0x80, 7, coded)));
}

/** RFC 7541 section 5.1; returns the place behind it. */
export function writeInteger(into: Buffer, at: number, flags: number, prefixBits: number, value: number): number {
  const most = (1 << prefixBits) - 1;
  if (value < most) {
    into[at] = flags | value;
    return at + 1;
  }
  into[at++] = flags | most;
  value -= most;
  while (value >= 128) {
    into[at++] = (value & 127) | 128;
    value >>>= 7;
  }
  into[at++] = value;
  return at;
}
