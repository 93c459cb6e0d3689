/** Reads RE2's syntax (github.com/google/re2/wiki/Syntax), without Unicode classes (`\pL`), bytes (`\C`) and `\Q...\E`. */
import { perlClasses, posixClasses } from './classes.ts';
import { folded, lastByte, type Node, negated, normalized, pairsOf, type Ranges } from './syntax.ts';

/** RE2 takes no counted repetition above, nor any that multiply to more. */
const mostRepeats = 1000;
/** Groups inside one another; RE2 goes deeper, but no program of 100 steps needs it. */
const deepest = 200;

export interface Pattern {
  readonly node: Node;
  /** Groups that capture, the whole not counted. */
  readonly groups: number;
}

/** What is wrong with a regular expression; the message says where. */
export class SyntaxFault extends Error {}

/** @throws SyntaxFault */
export function parse(text: string): Pattern {
  return new Parser(text).run();
}

interface Flags {
  readonly fold: boolean;
  readonly multiLine: boolean;
  readonly dotNewline: boolean;
  readonly ungreedy: boolean;
}

class Parser {
  readonly #chars: readonly string[];
  #at = 0;
  #depth = 0;
  #groups = 0;
  #flags: Flags = { fold: false, multiLine: false, dotNewline: false, ungreedy: false };
  readonly #names = new Set<string>();

  constructor(text: string) {
    this.#chars = [...Buffer.from(text, 'utf8').toString('latin1')];
  }

  run(): Pattern {
    const node = this.#alternation();
    if (this.#at < this.#chars.length) throw new SyntaxFault('unexpected )');
    return { node, groups: this.#groups };
  }

  #peek(): string | undefined {
    return this.#chars[this.#at];
  }

  #rest(): string {
    return this.#chars.slice(this.#at).join('');
  }

  /** Takes what `pattern` (sticky at its start) finds here. */
  #take(pattern: RegExp): RegExpExecArray | null {
    // names, flags and counts are short
    const found = pattern.exec(this.#chars.slice(this.#at, this.#at + 300).join(''));
    if (found !== null) this.#at += [...found[0]].length;
    return found;
  }

  #alternation(): Node {
    if (++this.#depth > deepest) throw new SyntaxFault('too many groups inside one another');
    const flags = this.#flags;
    const branches = [this.#concatenation()];
    while (this.#peek() === '|') {
      this.#at++;
      branches.push(this.#concatenation());
    }
    this.#depth--;
    this.#flags = flags;
    return branches.length === 1 ? branches[0]! : { type: 'alternate', nodes: branches };
  }

  #concatenation(): Node {
    const nodes: Node[] = [];
    for (;;) {
      const char = this.#peek();
      if (char === undefined || char === '|' || char === ')') break;
      const atom = this.#atom(char);
      if (atom !== null) nodes.push(this.#repeated(atom));
    }
    if (nodes.length === 1) return nodes[0]!;
    return nodes.length === 0 ? { type: 'empty' } : { type: 'concat', nodes };
  }

  #literal(char: number): Node {
    return { type: 'set', ranges: this.#flags.fold ? folded([char, char]) : [char, char] };
  }

  /** Null: a change of flags, which is nothing to match. */
  #atom(char: string): Node | null {
    switch (char) {
      case '*':
      case '+':
      case '?':
        throw new SyntaxFault(`no argument for repetition operator: ${char}`);
      case '(':
        return this.#group();
      case '[':
        return { type: 'set', ranges: this.#class() };
      case '\\':
        return this.#escape();
      default:
    }
    this.#at++;
    const { multiLine, dotNewline } = this.#flags;
    if (char === '.') return { type: 'set', ranges: dotNewline ? [0, lastByte] : [0, 0x09, 0x0b, lastByte] };
    if (char === '^') return { type: 'assertion', kind: multiLine ? 'lineStart' : 'textStart' };
    if (char === '$') return { type: 'assertion', kind: multiLine ? 'lineEnd' : 'textEnd' };
    return this.#literal(char.codePointAt(0)!);
  }

  #repeated(atom: Node): Node {
    const found = this.#take(/^(?:[*+?]|\{(\d{1,8})(?:(,)(\d{0,8}))?\})(\??)/);
    if (found === null) return atom;
    const [written, low, comma, high, lazy] = found;
    if (/^(?:[*+?]|\{\d{1,8}(?:,\d{0,8})?\})/.test(this.#rest().slice(0, 24))) {
      throw new SyntaxFault(`bad repetition operator: ${written}${this.#peek()}`);
    }
    const greedy = (lazy === '?') === this.#flags.ungreedy;
    let min = written[0] === '+' ? 1 : 0;
    let max = written[0] === '?' ? 1 : Number.POSITIVE_INFINITY;
    if (low !== undefined) {
      min = Number(low);
      max = comma === undefined ? min : high === '' ? Number.POSITIVE_INFINITY : Number(high);
      const times = Number.isFinite(max) ? max : min;
      if (Math.max(min, times) * timesWithin(atom) > mostRepeats || min > max) {
        throw new SyntaxFault(`bad repetition operator: ${written}`);
      }
    }
    return { type: 'repeat', node: atom, min, max, greedy };
  }

  #group(): Node | null {
    const flags = this.#flags;
    this.#at++;
    let index = 0;
    if (this.#peek() === '?') {
      const named = this.#take(/^\?P?<([A-Za-z0-9_]+)>/);
      if (named !== null) {
        if (this.#names.has(named[1]!)) throw new SyntaxFault(`duplicate capture group name: ${named[1]}`);
        this.#names.add(named[1]!);
        index = ++this.#groups;
      } else {
        const written = this.#take(/^\?([imsU]*)(?:(-)([imsU]+))?([:)])/);
        if (written === null || (written[4] === ')' && written[1] === '' && written[2] === undefined)) {
          throw new SyntaxFault(`invalid or unsupported Perl syntax: (${this.#rest().slice(0, 3)}`);
        }
        this.#flags = changed(changed(flags, written[1]!, true), written[3] ?? '', false);
        if (written[4] === ')') return null;
      }
    } else index = ++this.#groups;
    const node = this.#alternation();
    if (this.#peek() !== ')') throw new SyntaxFault('missing )');
    this.#at++;
    this.#flags = flags;
    return index === 0 ? node : { type: 'capture', index, node };
  }

  #escape(): Node {
    const letter = this.#chars[this.#at + 1];
    const kinds = { A: 'textStart', z: 'textEnd', b: 'wordBoundary', B: 'noWordBoundary' } as const;
    if (letter !== undefined && letter in kinds) {
      this.#at += 2;
      return { type: 'assertion', kind: kinds[letter as keyof typeof kinds] };
    }
    const named = this.#perlClass();
    if (named !== null) return { type: 'set', ranges: this.#flags.fold ? folded(named) : named };
    return this.#literal(this.#escapedChar());
  }

  #perlClass(): Ranges | null {
    const letter = this.#chars[this.#at + 1] ?? '';
    const ranges = perlClasses[letter.toLowerCase()];
    if (ranges === undefined) return null;
    this.#at += 2;
    return letter === letter.toLowerCase() ? ranges : negated(ranges);
  }

  /** A backslash and what it stands for, as one character. */
  #escapedChar(): number {
    const letter = this.#chars[this.#at + 1];
    if (letter === undefined) throw new SyntaxFault('trailing \\');
    const hex = this.#take(/^\\x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\})/);
    if (hex !== null) {
      const char = Number.parseInt(hex[1] ?? hex[2]!, 16);
      if (char > lastByte) throw new SyntaxFault(`invalid escape sequence: ${hex[0]}`);
      return char;
    }
    const octal = this.#take(/^\\(0[0-7]{0,2}|[1-7][0-7]{1,2})/);
    if (octal !== null) return Number.parseInt(octal[1]!, 8);
    const signs: Readonly<Record<string, number>> = { a: 7, f: 12, t: 9, n: 10, r: 13, v: 11 };
    const sign = signs[letter];
    const plain = letter < '\x80' && !/^\w$/.test(letter);
    if (sign === undefined && !plain) throw new SyntaxFault(`invalid escape sequence: \\${letter}`);
    this.#at += 2;
    return sign ?? letter.codePointAt(0)!;
  }

  #class(): Ranges {
    const start = this.#at;
    this.#at++;
    const inverse = this.#peek() === '^';
    if (inverse) this.#at++;
    const pairs: [number, number][] = [];
    for (let first = true; this.#peek() !== ']' || first; first = false) {
      if (this.#peek() === undefined) {
        throw new SyntaxFault(`missing ]: ${this.#chars.slice(start, start + 20).join('')}`);
      }
      const posix = this.#take(/^\[:(\^?)(\w+):\]/);
      if (posix !== null) {
        const ranges = posixClasses[posix[2]!];
        if (ranges === undefined) throw new SyntaxFault(`invalid character class range: ${posix[0]}`);
        pairs.push(...pairsOf(posix[1] === '' ? ranges : negated(ranges)));
        continue;
      }
      const perl = this.#peek() === '\\' ? this.#perlClass() : null;
      if (perl !== null) {
        pairs.push(...pairsOf(perl));
        continue;
      }
      const low = this.#classChar();
      let high = low;
      if (this.#peek() === '-' && this.#chars[this.#at + 1] !== undefined && this.#chars[this.#at + 1] !== ']') {
        this.#at++;
        high = this.#classChar();
        if (high < low) throw new SyntaxFault('invalid character class range');
      }
      pairs.push([low, high]);
    }
    this.#at++;
    const ranges = this.#flags.fold ? folded(normalized(pairs)) : normalized(pairs);
    return inverse ? negated(ranges) : ranges;
  }

  #classChar(): number {
    const char = this.#peek();
    if (char === undefined) throw new SyntaxFault('missing ]');
    if (char === '\\') return this.#escapedChar();
    this.#at++;
    return char.codePointAt(0)!;
  }
}

/** How often the innermost part of a node is written out, once counted repetitions are. */
function timesWithin(node: Node): number {
  switch (node.type) {
    case 'capture':
      return timesWithin(node.node);
    case 'concat':
    case 'alternate':
      return Math.max(1, ...node.nodes.map(timesWithin));
    case 'repeat': {
      const times = Number.isFinite(node.max) ? node.max : node.min;
      return Math.max(1, times) * timesWithin(node.node);
    }
    default:
      return 1;
  }
}

function changed(flags: Flags, letters: string, on: boolean): Flags {
  const has = (letter: string, before: boolean): boolean => (letters.includes(letter) ? on : before);
  return {
    fold: has('i', flags.fold),
    multiLine: has('m', flags.multiLine),
    dotNewline: has('s', flags.dotNewline),
    ungreedy: has('U', flags.ungreedy),
  };
}
