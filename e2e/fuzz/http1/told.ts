/** What a parser tells of the messages in a stream of bytes, and when two parsers tell the same. */

export interface Message {
  /** `POST /x HTTP/1.1` or `HTTP/1.1 200`. */
  readonly start: string;
  /** `name: value`, the name in lower case, in order of arrival. */
  readonly fields: readonly string[];
  /** Latin-1. */
  readonly body: string;
  /** Its end has come. */
  readonly isWhole: boolean;
  /** Another message may follow; undefined: not told. */
  readonly keepAlive: boolean | undefined;
}

export interface Told {
  /** Heads that were taken, with as much of the body as came. */
  readonly messages: readonly Message[];
  /** Why nothing more is read; undefined: more bytes are waited for, or the last message was the last one. */
  readonly refusal: string | undefined;
  /** Bytes of a message that is not whole are there. */
  readonly waits: boolean;
}

/**
 * Whatever `own` accepts the oracle has to accept as well, and to read in the same way. What `own` refuses the oracle
 * may accept: we are stricter.
 */
export function difference(own: Told, oracle: Told): string | undefined {
  for (const [i, message] of own.messages.entries()) {
    const other = oracle.messages[i];
    const at = `message ${i + 1}`;
    if (other === undefined)
      return `refused: ${at} ("${message.start}") is taken by us, and not by llhttp: ${reason(oracle)}`;
    if (message.start !== other.start) return `start: ${at}: ours "${message.start}", llhttp's "${other.start}"`;
    const fields = fieldsDifference(message.fields, other.fields);
    if (fields !== undefined) return `fields: ${at}: ${fields}`;
    if (!message.isWhole) {
      if (other.body.startsWith(message.body)) continue;
      return `body: ${at}: ours begins ${short(message.body)}, llhttp's is ${short(other.body)}`;
    }
    if (!other.isWhole) return `refused: the body of ${at} is whole for us, and not for llhttp: ${reason(oracle)}`;
    if (message.body !== other.body) return `body: ${at}: ours ${short(message.body)}, llhttp's ${short(other.body)}`;
    if (message.keepAlive !== undefined && other.keepAlive !== undefined && message.keepAlive !== other.keepAlive) {
      // close wins; llhttp lets keep-alive win in HTTP/1.0
      if (!message.keepAlive && message.fields.some((one) => /^connection:.*close/i.test(one))) continue;
      return `keep-alive: ${at}: ours ${message.keepAlive}, llhttp's ${other.keepAlive}`;
    }
  }
  return undefined;
}

/** The same bytes, cut otherwise: only the body of a message that is refused may be told up to another place. */
export function cutDifference(whole: Told, cut: Told): string | undefined {
  if (whole.refusal !== cut.refusal) return `cuts: ${whole.refusal} in one piece, ${cut.refusal} in many`;
  if (whole.messages.length !== cut.messages.length) {
    return `cuts: ${whole.messages.length} messages in one piece, ${cut.messages.length} in many`;
  }
  for (const [i, one] of whole.messages.entries()) {
    const other = cut.messages[i]!;
    const isCutShort = whole.refusal !== undefined && !one.isWhole && !other.isWhole;
    const body = isCutShort ? one.body : other.body;
    if (JSON.stringify(one) !== JSON.stringify({ ...other, body })) return `cuts: message ${i + 1} differs`;
  }
  return undefined;
}

function fieldsDifference(own: readonly string[], oracle: readonly string[]): string | undefined {
  const at = Array.from({ length: Math.max(own.length, oracle.length) }, (_, i) => i).find((i) => own[i] !== oracle[i]);
  return at === undefined ? undefined : `ours ${short(own[at] ?? '')}, llhttp's ${short(oracle[at] ?? '')}`;
}

function reason(oracle: Told): string {
  return oracle.refusal ?? 'it waits for more';
}

function short(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…(${text.length})` : text);
}
