/** A request that filters hold back: what its connection would forget until they let it go. */
import type { Field, FieldLike } from '../../proto/http2/field.ts';
import { Ranges } from '../codec/h1-chunked.ts';
import { type Drops, dropsOf, kindOf, known } from '../codec/known-headers.ts';
import type { HeaderPair, MessageHead } from '../codec/message-head.ts';
import type { Out } from '../codec/out.ts';
import type { RequestTarget } from './request-target.ts';

const nothing = dropsOf([]);
const length = dropsOf([known.contentLength]);

export class HeldRequest {
  readonly target: RequestTarget;
  readonly head: MessageHead;
  readonly bodyFollows: boolean;
  ended = false;
  trailers: readonly Field[] | null = null;
  readonly #pieces: Buffer[] = [];
  #bytes = 0;

  constructor(target: RequestTarget, head: MessageHead, bodyFollows: boolean) {
    this.head = new KeptHead(head);
    this.target = target.kept(this.head);
    this.bodyFollows = bodyFollows;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(b: Buffer, data: Ranges): void {
    for (let i = 0; i < data.count; i++) this.#pieces.push(Buffer.from(b.subarray(data.starts[i], data.ends[i])));
    this.#bytes += data.bytes;
  }

  /** All that came of the body, at once. */
  body(): { b: Buffer; data: Ranges } {
    const b = Buffer.concat(this.#pieces);
    const data = new Ranges();
    data.add(0, b.length);
    return { b, data };
  }
}

/** A copy of a head. */
export class KeptHead implements MessageHead {
  readonly status: number;
  readonly contentLength: number;
  readonly hasDate: boolean;
  readonly #fields: FieldLike[] = [];
  readonly #pairs: readonly HeaderPair[];

  /** @param sized says of the length what the head says, not nothing */
  constructor(head: MessageHead, sized = true) {
    this.status = head.status;
    this.contentLength = sized ? head.contentLength : -1;
    this.hasDate = head.hasDate;
    head.addFields(this.#fields, sized ? nothing : length, null);
    this.#pairs = this.#fields.map((field) => ('name' in field ? [field.name, field.value] : field));
  }

  has(kind: number): boolean {
    return this.#pairs.some(([name]) => kindOf(name) === kind);
  }

  lines(name: string): readonly string[] {
    return this.#pairs.filter(([other]) => other === name).map(([, value]) => value);
  }

  first(name: string): string {
    return this.#pairs.find(([other]) => other === name)?.[1] ?? '';
  }

  /** The request line is not kept: {@link RequestTarget.kept} has it written anew. */
  writeLines(out: Out, _withRequestLine: boolean, drops: Drops, named: ReadonlySet<string> | null): void {
    // HTTP/2 may cut a cookie into fields of its own
    const crumbs: string[] = [];
    for (const [name, value] of this.#pairs) {
      if (!passes(name, drops, named)) continue;
      if (name === 'cookie') crumbs.push(value);
      else out.text(`${name}: ${value}\r\n`);
    }
    if (crumbs.length > 0) out.text(`cookie: ${crumbs.join('; ')}\r\n`);
  }

  pathField(path: string): FieldLike {
    return [':path', path];
  }

  addFields(to: FieldLike[], drops: Drops, named: ReadonlySet<string> | null): void {
    this.#fields.forEach((field, index) => {
      if (passes(this.#pairs[index]![0], drops, named)) to.push(field);
    });
  }
}

function passes(name: string, drops: Drops, named: ReadonlySet<string> | null): boolean {
  return drops[kindOf(name)] === 0 && named?.has(name) !== true;
}
