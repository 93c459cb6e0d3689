/** Header blocks to fields (RFC 7541), with the table of one connection. */
import { ConnectionError, errorCodes } from './errors.ts';
import { FieldRecord, internRecord, staticFields } from './field.ts';
import { decodedBound, decodeHuffman } from './huffman.ts';

const firstDynamic = staticFields.length;
/** Four bytes behind the prefix: more than any length or index that can be right. */
const integerBits = 28;

/** A list that is over the limits is read to its end, for the table's sake, but not kept. */
export interface ListLimits {
  /** As SETTINGS_MAX_HEADER_LIST_SIZE counts: name, value and 32 for each field. */
  readonly maxHeaderListBytes: number;
  readonly maxHeaders: number;
}

let scratch = Buffer.allocUnsafeSlow(16 * 1024);

export class HpackDecoder {
  readonly #limits: ListLimits;
  /** Oldest first; what stands before `#oldest` has been dropped. */
  #table: (FieldRecord | undefined)[] = [];
  #oldest = 0;
  #tableBytes = 0;
  #tableLimit = 4096;
  /** What the peer may set the table to. */
  #allowedTableBytes = 4096;
  #bytes: Buffer = scratch;
  #at = 0;
  #end = 0;

  constructor(listLimits: ListLimits) {
    this.#limits = listLimits;
  }

  /** What SETTINGS_HEADER_TABLE_SIZE allows from now on. */
  allowTable(bytes: number): void {
    this.#allowedTableBytes = bytes;
    if (this.#tableLimit > bytes) this.#resize(bytes);
  }

  /**
   * @returns the fields in their order, or undefined if there are more than the limits allow
   * @throws ConnectionError with COMPRESSION_ERROR: the table cannot be trusted any more
   */
  decode(bytes: Buffer, start: number, end: number): FieldRecord[] | undefined {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    const fields: FieldRecord[] = [];
    const { maxHeaderListBytes, maxHeaders } = this.#limits;
    let listBytes = 0;
    let mayResize = true;
    while (this.#at < end) {
      const first = bytes[this.#at]!;
      if ((first & 0xe0) === 0x20) {
        if (!mayResize) throw broken('the table may change its size only at the beginning of a header block');
        const size = this.#integer(5);
        if (size > this.#allowedTableBytes) throw broken(`a table of ${size} bytes was not offered`);
        this.#resize(size);
        continue;
      }
      mayResize = false;
      const field = first & 0x80 ? this.#lookUp(this.#integer(7)) : this.#literal(first);
      listBytes += field.size;
      if (listBytes <= maxHeaderListBytes && fields.length < maxHeaders) fields.push(field);
      else listBytes = Number.POSITIVE_INFINITY;
    }
    this.#bytes = scratch;
    return listBytes === Number.POSITIVE_INFINITY ? undefined : fields;
  }

  #literal(first: number): FieldRecord {
    const isIndexed = (first & 0x40) !== 0;
    const nameAt = this.#integer(isIndexed ? 6 : 4);
    const name = nameAt === 0 ? this.#string() : this.#lookUp(nameAt).name;
    const value = this.#string();
    if (!isIndexed) return new FieldRecord(name, value, (first & 0x10) !== 0, false);
    const field = internRecord(name, value);
    this.#table.push(field);
    this.#tableBytes += field.size;
    this.#evict();
    return field;
  }

  #lookUp(index: number): FieldRecord {
    if (index < firstDynamic && index > 0) return staticFields[index]!;
    const place = this.#table.length - 1 - (index - firstDynamic);
    if (index === 0 || place < this.#oldest) throw broken(`there is no field at index ${index}`);
    return this.#table[place]!;
  }

  #resize(bytes: number): void {
    this.#tableLimit = bytes;
    this.#evict();
  }

  #evict(): void {
    while (this.#tableBytes > this.#tableLimit) {
      this.#tableBytes -= this.#table[this.#oldest]!.size;
      this.#table[this.#oldest++] = undefined;
    }
    if (this.#oldest > 256 && this.#oldest * 2 > this.#table.length) {
      this.#table = this.#table.slice(this.#oldest);
      this.#oldest = 0;
    }
  }

  #integer(prefixBits: number): number {
    if (this.#at >= this.#end) throw broken('a header block ends within a field');
    const most = (1 << prefixBits) - 1;
    let value = this.#bytes[this.#at++]! & most;
    if (value < most) return value;
    for (let shift = 0; shift < integerBits; shift += 7) {
      if (this.#at >= this.#end) throw broken('a header block ends within a number');
      const byte = this.#bytes[this.#at++]!;
      value += (byte & 127) << shift;
      if (byte < 128) return value;
    }
    throw broken('a number has more than four bytes');
  }

  #string(): string {
    const isHuffman = this.#at < this.#end && this.#bytes[this.#at]! >= 0x80;
    const length = this.#integer(7);
    const start = this.#at;
    if (length > this.#end - start) throw broken('a header block ends within a string');
    this.#at += length;
    if (!isHuffman) return this.#bytes.latin1Slice(start, this.#at);
    const bound = decodedBound(length);
    if (bound > scratch.length) scratch = Buffer.allocUnsafeSlow(bound * 2);
    const decoded = decodeHuffman(this.#bytes, start, this.#at, scratch);
    if (decoded < 0) throw broken('a string is not in the Huffman code, or not padded as it has to be');
    return scratch.latin1Slice(0, decoded);
  }
}

function broken(what: string): ConnectionError {
  return new ConnectionError(errorCodes.COMPRESSION_ERROR, `HPACK: ${what}.`);
}
