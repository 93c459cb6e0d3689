/** Replaces what matches in a text, as RE2's GlobalReplace does: all matches, the leftmost first, groups as `\1`. */
import { around, assertionHolds, kindOf } from './around.ts';
import type { Program } from './compile.ts';
import { holds } from './syntax.ts';

/** The text with its matches replaced; undefined: that would have taken more work than one text is worth. */
export type TextReplace = (text: string) => string | undefined;

/** Steps of the program that are looked at for one text; a search for each match can be quadratic, as in RE2. */
const mostWork = 4_000_000;

/** Positions of the whole and of each group, start and end; -1: took no part. */
type Found = readonly number[];

interface Thread {
  readonly step: number;
  readonly found: Found;
}

/** @param substitution with `\0` to `\9` for groups, `\\` for a backslash; {@link substitutionFault} took it */
export function textReplace(program: Program, substitution: string): TextReplace {
  const parts = substitution.split(/\\([0-9\\])/);
  const replacement = (text: string, found: Found): string => {
    let result = '';
    for (const [index, part] of parts.entries()) {
      if (index % 2 === 0) result += part;
      else if (part === '\\') result += part;
      else result += text.slice(Math.max(0, found[2 * Number(part)]!), Math.max(0, found[2 * Number(part) + 1]!));
    }
    return result;
  };
  return (text) => {
    const work = { left: mostWork };
    let result = '';
    let at = 0;
    let lastEnd = -1;
    while (at <= text.length) {
      const found = search(program, text, at, work);
      if (work.left <= 0) return undefined;
      if (found === null) break;
      const [start = 0, end = 0] = found;
      result += text.slice(at, start);
      if (start === lastEnd && start === end) {
        // nothing, right behind a match, is no match
        result += text.slice(start, start + 1);
        at = start + 1;
        continue;
      }
      result += replacement(text, found);
      at = end;
      lastEnd = end;
    }
    return at > text.length ? result : result + text.slice(at);
  };
}

/** Why a substitution is none, or undefined. */
export function substitutionFault(substitution: string, groups: number): string | undefined {
  for (const [written, sign] of substitution.matchAll(/\\(.?)/gs)) {
    if (sign === '\\') continue;
    if (!/^[0-9]$/.test(sign ?? '')) return `holds ${written}; a backslash stands before a digit or another one`;
    if (Number(sign) > groups) return `holds ${written}, but the regex has ${groups} groups`;
  }
  return undefined;
}

function search({ steps, start, slots }: Program, text: string, from: number, work: { left: number }): Found | null {
  const none = new Array<number>(slots + 2).fill(-1);
  const seen = new Int32Array(steps.length).fill(-1);
  let match: Found | null = null;
  let threads: Thread[] = [];

  /** Follows what takes no character; `into` is in the order of preference. */
  const follow = (into: Thread[], id: number, found: Found, at: number): void => {
    work.left--;
    if (seen[id] === at) return;
    seen[id] = at;
    const step = steps[id]!;
    switch (step.op) {
      case 'fork':
        follow(into, step.out, found, at);
        follow(into, step.other, found, at);
        return;
      case 'nothing':
        follow(into, step.out, found, at);
        return;
      case 'capture':
        follow(into, step.out, found.with(step.slot + 2, at), at);
        return;
      case 'assertion': {
        const before = at === 0 ? around.edge : kindOf(text.charCodeAt(at - 1));
        const after = at === text.length ? around.edge : kindOf(text.charCodeAt(at));
        if (assertionHolds(step.kind, before, after)) follow(into, step.out, found, at);
        return;
      }
      default:
        into.push({ step: id, found });
    }
  };

  for (let at = from; at <= text.length && work.left > 0; at++) {
    if (match === null) follow(threads, start, none.with(0, at), at);
    if (threads.length === 0 && match !== null) break;
    const next: Thread[] = [];
    const byte = text.charCodeAt(at);
    for (const { step: id, found } of threads) {
      const step = steps[id]!;
      if (step.op === 'match') {
        match = found.with(1, at);
        // what comes behind is preferred less
        break;
      }
      if (step.op === 'char' && at < text.length && holds(step.ranges, byte)) follow(next, step.out, found, at + 1);
    }
    threads = next;
  }
  return match;
}
