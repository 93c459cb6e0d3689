/** A syntax tree as a graph of steps, in the way in which RE2 makes its own: what it counts can be counted here. */
import type { Pattern } from './parse.ts';
import type { Assertion, Node, Ranges } from './syntax.ts';

export type Step =
  | { readonly op: 'char'; readonly ranges: Ranges; out: number }
  | { readonly op: 'assertion'; readonly kind: Assertion; out: number }
  | { readonly op: 'capture'; readonly slot: number; out: number }
  /** `out` is preferred to `other`. */
  | { readonly op: 'fork'; out: number; other: number }
  | { readonly op: 'nothing'; out: number }
  | { readonly op: 'match' };

export interface Program {
  readonly steps: readonly Step[];
  readonly start: number;
  /** Two positions for each group that captures; the whole not counted. */
  readonly slots: number;
}

/** Beyond, a program is refused by everybody anyway (RE2 programs of 100 steps are the most that Envoy takes). */
const mostSteps = 20_000;

export class ProgramTooLarge extends Error {}

/** @throws ProgramTooLarge */
export function compile({ node, groups }: Pattern): Program {
  const steps: Step[] = [];
  const add = (step: Step): number => {
    if (steps.length >= mostSteps) throw new ProgramTooLarge();
    return steps.push(step) - 1;
  };
  /** Adds what matches `node` and then goes to `next`. */
  const before = (part: Node, next: number): number => {
    switch (part.type) {
      case 'empty':
        return add({ op: 'nothing', out: next });
      case 'set':
        return add({ op: 'char', ranges: part.ranges, out: next });
      case 'assertion':
        return add({ op: 'assertion', kind: part.kind, out: next });
      case 'capture': {
        const end = add({ op: 'capture', slot: 2 * part.index - 1, out: next });
        return add({ op: 'capture', slot: 2 * part.index - 2, out: before(part.node, end) });
      }
      case 'concat':
        return part.nodes.reduceRight((to, one) => before(one, to), next);
      case 'alternate':
        return part.nodes.map((one) => before(one, next)).reduceRight((other, out) => add({ op: 'fork', out, other }));
      case 'repeat':
        return repeated(part, next);
    }
  };
  const fork = (greedy: boolean, inside: number, next: number): number =>
    add(greedy ? { op: 'fork', out: inside, other: next } : { op: 'fork', out: next, other: inside });
  const repeated = (part: Extract<Node, { type: 'repeat' }>, next: number): number => {
    const { min, max, greedy, node: inside } = part;
    let to = next;
    if (max === Number.POSITIVE_INFINITY) {
      // one or more: behind it, back to it
      const loop = fork(greedy, 0, next);
      const start = before(inside, loop);
      const step = steps[loop] as Extract<Step, { op: 'fork' }>;
      if (greedy) step.out = start;
      else step.other = start;
      if (min === 0) return canBeEmpty(inside) ? fork(greedy, start, next) : loop;
      to = start;
      for (let i = 1; i < min; i++) to = before(inside, to);
      return to;
    }
    for (let i = min; i < max; i++) to = fork(greedy, before(inside, to), next);
    for (let i = 0; i < min; i++) to = before(inside, to);
    return to;
  };
  const match = add({ op: 'match' });
  return { start: before(node, match), steps, slots: 2 * groups };
}

function canBeEmpty(node: Node): boolean {
  switch (node.type) {
    case 'set':
      return false;
    case 'capture':
      return canBeEmpty(node.node);
    case 'concat':
      return node.nodes.every(canBeEmpty);
    case 'alternate':
      return node.nodes.some(canBeEmpty);
    case 'repeat':
      return node.min === 0 || canBeEmpty(node.node);
    default:
      return true;
  }
}
