/** A head of HTTP/1 once it is parsed: positions in its bytes, and how its lines go on in either version. */
import type { FieldLike } from '../../proto/http2/field.ts';
import { joinedValue, requestLists } from './joined-headers.ts';
import { type Drops, known, startsWith } from './known-headers.ts';
import { fieldOfLine } from './line-fields.ts';
import type { MessageHead } from './message-head.ts';
import type { Out } from './out.ts';

/** No head may hold more; a limit above is capped to it. */
export const maxHeaders = 1000;

const nothing = Buffer.alloc(0);

/** A parsed head: positions into the buffer that was parsed. One object is reused for many heads. */
export class Head implements MessageHead {
  /** What was parsed; the positions are meant in it. */
  bytes: Buffer = nothing;
  /** Index behind the blank line. */
  end = 0;
  /** HTTP/1.x: the x. */
  minor = 1;

  /** Request line. `queryStart`: index of `?`, or `targetEnd`. */
  methodStart = 0;
  methodEnd = 0;
  targetStart = 0;
  targetEnd = 0;
  queryStart = 0;
  /** The path holds `%` or bytes that must be escaped. */
  pathNeedsCare = false;

  /** Status line. */
  status = 0;

  /** Header fields, in order of arrival. Values are trimmed. */
  count = 0;
  readonly nameStart = new Int32Array(maxHeaders + 1);
  readonly nameEnd = new Int32Array(maxHeaders);
  readonly valueStart = new Int32Array(maxHeaders);
  readonly valueEnd = new Int32Array(maxHeaders);
  /** From {@link known}. */
  readonly kind = new Uint8Array(maxHeaders);
  /** 1: not written as `name: value` to the letter (white space), so it can't be copied as it is. */
  readonly odd = new Uint8Array(maxHeaders);
  /** A name with `_` is there. */
  underscore = false;
  /** Of a request: a name occurs twice. */
  repeats = false;

  /** -1: none. */
  contentLength = -1;
  chunked = false;
  /** `Connection` says close, or keep-alive. */
  close = false;
  keepAlive = false;
  /** `Connection` lists upgrade. */
  namesUpgrade = false;
  /** It lists something else than close, keep-alive, te, upgrade and http2-settings. */
  namesOthers = false;
  /** Index of the header, or -1. */
  host = -1;
  expect = -1;
  upgrade = -1;
  date = -1;

  /** A bit for each kind of header that is there. */
  kinds = 0;

  has(kind: number): boolean {
    return (this.kinds & (1 << kind)) !== 0;
  }

  get hasDate(): boolean {
    return this.date >= 0;
  }

  /** Index of the first header with this lower-case name from `from` on, or -1. */
  find(name: string, from = 0): number {
    for (let i = from; i < this.count; i++) {
      const start = this.nameStart[i]!;
      if (this.nameEnd[i]! - start === name.length && startsWith(this.bytes, start, name)) return i;
    }
    return -1;
  }

  /** Value of header `i`, byte for byte. */
  value(i: number): string {
    return this.bytes.latin1Slice(this.valueStart[i]!, this.valueEnd[i]!);
  }

  first(name: string): string {
    const i = this.find(name);
    return i < 0 ? '' : this.value(i);
  }

  lines(name: string): readonly string[] {
    const lines: string[] = [];
    for (let i = this.find(name); i >= 0; i = this.find(name, i + 1)) lines.push(this.value(i));
    return lines.length > 1 && this.repeats && requestLists.has(name) ? [joinedValue(lines)] : lines;
  }

  /** Takes away the headers whose names have `_`: nobody finds them any more. How many there were. */
  dropUnderscored(): number {
    let dropped = 0;
    for (let i = 0; i < this.count; i++) {
      const start = this.nameStart[i]!;
      if (!this.bytes.subarray(start, this.nameEnd[i]!).includes(95)) continue;
      this.kind[i] = known.gone;
      // the bytes of all lines stay in a row
      this.nameEnd[i] = start;
      dropped++;
    }
    this.underscore = false;
    return dropped;
  }

  /** Runs of lines that pass are copied at once. */
  writeLines(out: Out, withRequestLine: boolean, drops: Drops, named: ReadonlySet<string> | null): void {
    if (this.repeats) {
      this.#writeJoined(out, withRequestLine, drops, named);
      return;
    }
    const b = this.bytes;
    let run = withRequestLine ? this.methodStart : this.nameStart[0]!;
    for (let i = 0; i < this.count; i++) {
      const passes = this.#passes(i, drops, named);
      if (passes && this.odd[i] === 0) continue;
      const start = this.nameStart[i]!;
      if (run < start) out.copy(b, run, start);
      run = this.nameStart[i + 1]!;
      if (!passes) continue;
      out.copy(b, start, this.nameEnd[i]!);
      out.text(': ');
      out.copy(b, this.valueStart[i]!, this.valueEnd[i]!);
      out.text('\r\n');
    }
    const last = this.nameStart[this.count]!;
    if (run < last) out.copy(b, run, last);
  }

  pathField(path: string): FieldLike {
    return [':path', path];
  }

  addFields(to: FieldLike[], drops: Drops, named: ReadonlySet<string> | null): void {
    for (let i = 0; i < this.count; i++) {
      if (!this.#passes(i, drops, named)) continue;
      if (this.repeats) {
        const value = this.#joined(i);
        if (value !== undefined) to.push([this.#name(i), value]);
        continue;
      }
      to.push(fieldOfLine(this.bytes, this.nameStart[i]!, this.nameEnd[i]!, this.valueStart[i]!, this.valueEnd[i]!));
    }
  }

  #writeJoined(out: Out, withRequestLine: boolean, drops: Drops, named: ReadonlySet<string> | null): void {
    if (withRequestLine) out.copy(this.bytes, this.methodStart, this.nameStart[0]!);
    for (let i = 0; i < this.count; i++) {
      const value = this.#passes(i, drops, named) ? this.#joined(i) : undefined;
      if (value !== undefined) out.text(`${this.#name(i)}: ${value}\r\n`);
    }
  }

  /** What line `i` goes on as; undefined: it is part of an earlier line. */
  #joined(i: number): string | undefined {
    const name = this.repeats ? this.#name(i) : '';
    if (!requestLists.has(name)) return this.value(i);
    return this.find(name) === i ? this.lines(name)[0]! : undefined;
  }

  #name(i: number): string {
    return this.bytes.latin1Slice(this.nameStart[i]!, this.nameEnd[i]!);
  }

  #passes(i: number, drops: Drops, named: ReadonlySet<string> | null): boolean {
    if (drops[this.kind[i]!] === 1) return false;
    return named === null || !named.has(this.#name(i));
  }
}
