/** The head of a message that came as HTTP/2's fields. What its codec guarantees (RFC 9113 section 8) is not asked again. */
import type { Field, FieldLike } from '../../proto/http2/field.ts';
import { type Drops, kindOf, known } from './known-headers.ts';
import type { MessageHead } from './message-head.ts';
import type { Out } from './out.ts';

const noFields: readonly Field[] = [];

/** Of the mark of a field: its kind, and whether its name has `_`. */
const kindBits = 31;
const underscoreBit = 32;

/** Kind of the field's name. It is looked up once for each object, and those that come again are one object. */
function kindOfField(field: Field): number {
  if (field.mark < 0) field.mark = kindOf(field.name) | (field.name.includes('_') ? underscoreBit : 0);
  return field.mark & kindBits;
}

/** One object is refilled for many heads. */
export class FieldsHead implements MessageHead {
  fields: readonly Field[] = noFields;
  status = 0;
  contentLength = -1;
  hasDate = false;
  #kinds = 0;
  method = '';
  scheme = '';
  path = '';
  /** Of an extended CONNECT. */
  protocol = '';
  /** Null: none was sent. */
  authority: string | null = null;
  /** Headers, with all crumbs of a cookie as one; and those named `host`. */
  count = 0;
  hosts = 0;
  hasExpect = false;
  /** A name with `_` is there. */
  underscore = false;

  has(kind: number): boolean {
    return (this.#kinds & (1 << kind)) !== 0;
  }

  fill(fields: readonly Field[]): void {
    this.fields = fields;
    this.status = 0;
    this.contentLength = -1;
    this.hasDate = false;
    this.method = '';
    this.scheme = '';
    this.path = '';
    this.protocol = '';
    this.authority = null;
    this.hosts = 0;
    this.hasExpect = false;
    this.count = 0;
    let marks = 0;
    let kinds = 0;
    let cookies = 0;
    for (let i = 0; i < fields.length; i++) {
      const field = fields[i]!;
      const kind = kindOfField(field);
      marks |= field.mark;
      kinds |= 1 << kind;
      switch (kind) {
        case known.method:
          this.method = field.value;
          break;
        case known.scheme:
          this.scheme = field.value;
          break;
        case known.path:
          this.path = field.value;
          break;
        case known.protocol:
          this.protocol = field.value;
          break;
        case known.authority:
          this.authority = field.value;
          break;
        case known.status:
          this.status = Number(field.value);
          break;
        case known.contentLength:
          this.contentLength = Number(field.value);
          break;
        case known.date:
          this.hasDate = true;
          break;
        case known.host:
          this.hosts++;
          break;
        case known.expect:
          this.hasExpect = true;
          break;
        case known.cookie:
          cookies++;
          break;
      }
      if (kind < known.method) this.count++;
    }
    if (cookies > 1) this.count -= cookies - 1;
    this.#kinds = kinds;
    this.underscore = (marks & underscoreBit) !== 0;
  }

  /** Takes away the headers whose names have `_`. How many there were. */
  dropUnderscored(): number {
    const kept = this.fields.filter(({ mark }) => (mark & underscoreBit) === 0);
    const dropped = this.fields.length - kept.length;
    this.fields = kept;
    this.underscore = false;
    return dropped;
  }

  /** The crumbs of a cookie are one line (RFC 9113 section 8.2.3). */
  lines(name: string): readonly string[] {
    const lines: string[] = [];
    for (let i = 0; i < this.fields.length; i++) {
      const field = this.fields[i]!;
      if (field.name === name) lines.push(field.value);
    }
    return name === 'cookie' && lines.length > 1 ? [lines.join('; ')] : lines;
  }

  first(name: string): string {
    if (name === 'cookie') return this.lines(name)[0] ?? '';
    for (let i = 0; i < this.fields.length; i++) if (this.fields[i]!.name === name) return this.fields[i]!.value;
    return '';
  }

  writeLines(out: Out, _withRequestLine: boolean, drops: Drops, named: ReadonlySet<string> | null): void {
    let text = '';
    let cookie = '';
    for (let i = 0; i < this.fields.length; i++) {
      const field = this.fields[i]!;
      const kind = kindOfField(field);
      if (kind >= known.method || drops[kind] === 1 || named?.has(field.name)) continue;
      if (kind === known.cookie) cookie = cookie === '' ? `cookie: ${field.value}` : `${cookie}; ${field.value}`;
      else text += `${field.name}: ${field.value}\r\n`;
    }
    out.text(cookie === '' ? text : `${text}${cookie}\r\n`);
  }

  pathField(path: string): FieldLike {
    if (path !== this.path) return [':path', path];
    for (let i = 0; i < this.fields.length; i++) if (this.fields[i]!.name === ':path') return this.fields[i]!;
    return [':path', path];
  }

  /** The very objects that came. */
  addFields(to: FieldLike[], drops: Drops, named: ReadonlySet<string> | null): void {
    for (let i = 0; i < this.fields.length; i++) {
      const field = this.fields[i]!;
      const kind = kindOfField(field);
      if (kind >= known.method || drops[kind] === 1 || named?.has(field.name)) continue;
      to.push(field);
    }
  }
}
