/**
 * RFC 8259 JSON, read by ourselves: JSON.parse takes a field written twice without a word, and does not always say
 * where it stopped. Throws TextFault.
 */
import { limits } from './limits.ts';
import { duplicateKey, lineAndColumn, TextFault, type TextFaultInit, tooDeep } from './text-fault.ts';

const space = /[ \t\n\r]*/y;
const numberForm = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const stringForm = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const wordForm = /[A-Za-z_][A-Za-z0-9_]*/y;

export function parseJson(text: string): unknown {
  let at = 0;

  function fail(init: TextFaultInit, offset = at): never {
    throw new TextFault({ ...init, ...lineAndColumn(text, offset) });
  }

  function unexpected(wanted: string, remedy = 'Write JSON there, or send YAML as YAML.'): never {
    const found =
      at >= text.length ? 'the end of the text' : JSON.stringify(String.fromCodePoint(text.codePointAt(at)!));
    return fail({ message: `Here must be ${wanted}, not ${found}.`, remedy });
  }

  function skip(): string | undefined {
    space.lastIndex = at;
    space.exec(text);
    at = space.lastIndex;
    return text[at];
  }

  function take(form: RegExp): string | undefined {
    form.lastIndex = at;
    const match = form.exec(text);
    if (match === null) return undefined;
    at = form.lastIndex;
    return match[0];
  }

  function value(depth: number): unknown {
    if (depth > limits.nesting) fail(tooDeep);
    switch (skip()) {
      case '{':
        return object(depth);
      case '[':
        return list(depth);
      case '"':
        return string();
      default:
        return scalar();
    }
  }

  function scalar(): unknown {
    const digits = take(numberForm);
    if (digits !== undefined) return Number(digits);
    const start = at;
    const word = take(wordForm);
    if (word === 'true') return true;
    if (word === 'false') return false;
    if (word === 'null') return null;
    at = start;
    if (word === undefined) return unexpected('a value');
    return fail({ message: `\`${word.slice(0, 80)}\` is no value of JSON.`, remedy: 'Put it in double quotes.' });
  }

  function string(): string {
    const start = at;
    const raw = take(stringForm);
    if (raw !== undefined) return raw.includes('\\') ? (JSON.parse(raw) as string) : raw.slice(1, -1);
    const remedy = 'End it with a `"`; write line breaks as `\\n` and backslashes as `\\\\`.';
    return fail({ message: 'This text does not end, or holds a character that must be escaped.', remedy }, start);
  }

  /** Steps over the sign if it comes next. */
  function sign(wanted: string): boolean {
    const here = skip() === wanted;
    if (here) at++;
    return here;
  }

  function object(depth: number): Record<string, unknown> {
    const found: Record<string, unknown> = {};
    sign('{');
    if (sign('}')) return found;
    do {
      if (skip() !== '"') unexpected('the name of a field in double quotes');
      const start = at;
      const key = string();
      if (Object.hasOwn(found, key)) fail(duplicateKey(key), start);
      if (!sign(':')) unexpected('a `:`');
      define(found, key, value(depth + 1));
    } while (sign(','));
    return sign('}') ? found : unexpected('a `,` or `}`');
  }

  function list(depth: number): unknown[] {
    const found: unknown[] = [];
    sign('[');
    if (sign(']')) return found;
    do {
      found.push(value(depth + 1));
    } while (sign(','));
    return sign(']') ? found : unexpected('a `,` or `]`');
  }

  const result = value(0);
  if (skip() !== undefined) unexpected('the end of the text', 'Send several documents as one list, `[…, …]`.');
  return result;
}

/** Plain assignment, but `__proto__` becomes a field like any other (and is refused as one later). */
export function define(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key !== '__proto__') target[key] = value;
  else Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}
