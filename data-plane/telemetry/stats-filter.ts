/**
 * Patterns over stat names, for `/stats?filter=`: the part of a regular expression that can be matched without
 * backtracking, so that no pattern can hold up traffic. Literals, `.`, `.*`, `^`, `$`, `\` before a character, and `|`
 * between whole patterns.
 */

export type StatsFilter =
  | { readonly ok: true; readonly value: (name: string) => boolean }
  | { readonly ok: false; readonly message: string };

const anyCharacter = -1;
/** Character codes, or `anyCharacter`. */
type Piece = readonly number[];

interface Pattern {
  readonly fromStart: boolean;
  readonly toEnd: boolean;
  /** Found one behind the other. */
  readonly pieces: readonly Piece[];
}

const maxLength = 1_000;

export function parseStatsFilter(text: string): StatsFilter {
  if (text.length > maxLength) return { ok: false, message: `the filter is longer than ${maxLength} characters` };
  const patterns: Pattern[] = [];
  let fromStart = false;
  let toEnd = false;
  let pieces: number[][] = [[]];
  let isFirst = true;
  for (let at = 0; at <= text.length; at++) {
    const char = text[at] ?? '|';
    const wasFirst = isFirst;
    isFirst = false;
    if (char === '|') {
      patterns.push({ fromStart, toEnd, pieces });
      fromStart = toEnd = false;
      pieces = [[]];
      isFirst = true;
    } else if (char === '^' && wasFirst) {
      fromStart = true;
    } else if (char === '$' && (text[at + 1] ?? '|') === '|') {
      toEnd = true;
    } else if (char === '.' && text[at + 1] === '*') {
      pieces.push([]);
      at++;
    } else if (char === '.') {
      pieces.at(-1)!.push(anyCharacter);
    } else if (char === '\\' && /[^a-zA-Z0-9]/.test(text[at + 1] ?? '')) {
      pieces.at(-1)!.push(text.charCodeAt(++at));
    } else if ('*+?()[]{}^$\\'.includes(char)) {
      return { ok: false, message: refusal(char) };
    } else {
      pieces.at(-1)!.push(char.charCodeAt(0));
    }
  }
  return { ok: true, value: (name) => patterns.some((one) => matches(one, name)) };
}

function refusal(what: string): string {
  return `"${what}" is not supported in a filter: use literals, "." for a character, ".*", "^", "$", "|", and "\\" before any other sign`;
}

/** The leftmost place for each piece is as good as any, save for the last one if it must end the name. */
function matches(pattern: Pattern, name: string): boolean {
  const { pieces, fromStart, toEnd } = pattern;
  let at = 0;
  for (let index = 0; index < pieces.length; index++) {
    const piece = pieces[index]!;
    const isLast = index === pieces.length - 1;
    if (index === 0 && fromStart) {
      if (!matchesAt(piece, name, 0) || (isLast && toEnd && piece.length !== name.length)) return false;
      at = piece.length;
    } else if (isLast && toEnd) {
      const start = name.length - piece.length;
      return start >= at && matchesAt(piece, name, start);
    } else {
      while (!matchesAt(piece, name, at)) if (++at + piece.length > name.length) return false;
      at += piece.length;
    }
  }
  return true;
}

function matchesAt(piece: Piece, name: string, start: number): boolean {
  if (start + piece.length > name.length) return false;
  return piece.every((code, index) => code === anyCharacter || code === name.charCodeAt(start + index));
}
