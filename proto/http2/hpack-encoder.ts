/** Fields to header blocks (RFC 7541), with the table of one connection. Interned fields are found by identity. */
import { type FieldLike, FieldRecord, recordOf, staticFields, wireString, writeInteger } from './field.ts';
import { limits } from './limits.ts';

const firstDynamic = staticFields.length;
/** Beyond the text of a field: its first byte, an index and two lengths. */
const fieldOverhead = 24;

/** The block that was encoded last, for all connections: taken away before the next one is made. */
export let encoded = Buffer.allocUnsafeSlow(16 * 1024);

export class HpackEncoder {
  /** Running number of each field in the table. */
  readonly #numbers = new Map<FieldRecord, number>();
  #table: (FieldRecord | undefined)[] = [];
  #oldest = 0;
  #added = 0;
  #tableBytes = 0;
  #tableLimit: number = limits.encoderTableBytes;
  /** The least size that the peer has asked for since the last block; undefined: no change to announce. */
  #least: number | undefined = undefined;

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. */
  limitTable(bytes: number): void {
    const size = Math.min(bytes, limits.encoderTableBytes);
    if (size === this.#tableLimit) return;
    this.#tableLimit = size;
    this.#least = Math.min(this.#least ?? size, size);
    this.#evict();
  }

  /**
   * @returns the length of the block, which stands at the beginning of `encoded`
   * @throws TypeError if a field may not stand in a message; nothing has been encoded then
   */
  encode(fields: readonly FieldLike[]): number {
    const records = recordsOf(fields);
    let at = 0;
    if (this.#least !== undefined) {
      // both, so that the peer drops what was dropped here (RFC 7541 section 4.2)
      if (this.#least < this.#tableLimit) at = writeInteger(encoded, at, 0x20, 5, this.#least);
      at = writeInteger(encoded, at, 0x20, 5, this.#tableLimit);
      this.#least = undefined;
    }
    for (let i = 0; i < records.length; i++) {
      const record = records[i]!;
      // Huffman is used only where it is shorter, so the plain text is the bound
      const bound = at + record.size + fieldOverhead;
      if (bound > encoded.length) {
        const longer = Buffer.allocUnsafeSlow(bound * 2);
        encoded.copy(longer, 0, 0, at);
        encoded = longer;
      }
      at = this.#put(record, at);
    }
    return at;
  }

  #put(record: FieldRecord, at: number): number {
    const into = encoded;
    if (record.staticIndex > 0) return writeInteger(into, at, 0x80, 7, record.staticIndex);
    if (!record.isInterned) {
      at = writeInteger(into, at, record.neverIndexed ? 0x10 : 0, 4, record.nameIndex);
      if (record.nameIndex === 0) at = writeText(into, at, record.name);
      return writeText(into, at, record.value);
    }
    const number = this.#numbers.get(record);
    if (number !== undefined) return writeInteger(into, at, 0x80, 7, firstDynamic + this.#added - 1 - number);
    // one that would push out most of the others is not worth it
    const isKept = record.size * 2 <= this.#tableLimit;
    at = isKept ? writeInteger(into, at, 0x40, 6, record.nameIndex) : writeInteger(into, at, 0, 4, record.nameIndex);
    if (record.nameIndex === 0) at += (record.nameWire ??= wireString(record.name)).copy(into, at);
    at += (record.valueWire ??= wireString(record.value)).copy(into, at);
    if (isKept) this.#add(record);
    return at;
  }

  #add(record: FieldRecord): void {
    this.#numbers.set(record, this.#added++);
    this.#table.push(record);
    this.#tableBytes += record.size;
    this.#evict();
  }

  #evict(): void {
    while (this.#tableBytes > this.#tableLimit) {
      const record = this.#table[this.#oldest]!;
      this.#table[this.#oldest++] = undefined;
      this.#tableBytes -= record.size;
      this.#numbers.delete(record);
    }
    if (this.#oldest > 256 && this.#oldest * 2 > this.#table.length) {
      this.#table = this.#table.slice(this.#oldest);
      this.#oldest = 0;
    }
  }
}

/** The very list where all of it are records already. */
function recordsOf(fields: readonly FieldLike[]): readonly FieldRecord[] {
  return areRecords(fields) ? fields : fields.map(recordOf);
}

function areRecords(fields: readonly FieldLike[]): fields is readonly FieldRecord[] {
  for (let i = 0; i < fields.length; i++) if (!(fields[i] instanceof FieldRecord)) return false;
  return true;
}

function writeText(into: Buffer, at: number, text: string): number {
  at = writeInteger(into, at, 0, 7, text.length);
  return at + into.latin1Write(text, at);
}
