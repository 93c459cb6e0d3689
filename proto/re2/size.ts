/**
 * How large RE2 would make a program: Envoy refuses a route configuration that holds one of more than 100 steps. RE2
 * flattens its graph into lists; they are counted as it makes them. It also takes out what alternatives begin with in
 * common, which is not followed here, so that the number may be a little greater than RE2's.
 */
import { compile, ProgramTooLarge, type Step } from './compile.ts';
import type { Pattern } from './parse.ts';
import { holds, lastByte, type Node, normalized, pairsOf, type Ranges } from './syntax.ts';

/** Infinity: far too large. */
export function programSize({ node, groups }: Pattern): number {
  const { rest, anchored } = withoutAnchors(simplified(node));
  try {
    const { steps, start } = compile({ node: rest, groups });
    // the failing step; and two that skip to a match which may begin anywhere
    return listSizes(steps, start) + (anchored ? 1 : 3);
  } catch (error) {
    if (error instanceof ProgramTooLarge) return Number.POSITIVE_INFINITY;
    throw error;
  }
}

/** Alternatives of one character each are one set. */
function simplified(node: Node): Node {
  switch (node.type) {
    case 'capture':
    case 'repeat':
      return { ...node, node: simplified(node.node) };
    case 'concat':
      return { ...node, nodes: node.nodes.map(simplified) };
    case 'alternate': {
      const nodes = node.nodes.map(simplified);
      const sets = nodes.flatMap((one) => (one.type === 'set' ? [one] : []));
      if (sets.length < nodes.length) return { ...node, nodes };
      return { type: 'set', ranges: normalized(sets.flatMap(({ ranges }) => pairsOf(ranges))) };
    }
    default:
      return node;
  }
}

/** RE2 takes anchors off, and compares a literal behind the first one by itself. */
function withoutAnchors(node: Node): { rest: Node; anchored: boolean } {
  const nodes = node.type === 'concat' ? node.nodes : [node];
  let start = 0;
  let end = nodes.length;
  if (isAnchor(nodes[end - 1], 'textEnd')) end--;
  while (start < end && isAnchor(nodes[start], 'textStart')) start++;
  let anchored = start > 0;
  if (anchored) {
    const literal = start;
    while (start < end && isLiteral(nodes[start])) start++;
    anchored = start === literal;
  }
  return { rest: { type: 'concat', nodes: nodes.slice(start, end) }, anchored };
}

function isAnchor(node: Node | undefined, kind: 'textStart' | 'textEnd'): boolean {
  return node?.type === 'assertion' && node.kind === kind;
}

/** One letter, or both cases of it. */
function isLiteral(node: Node | undefined): boolean {
  if (node?.type !== 'set') return false;
  const [low = 0, high = -1, small = 0, end = 0] = node.ranges;
  if (low !== high || node.ranges.length > 4) return false;
  return node.ranges.length === 2 || (small === end && small === low + 0x20 && low >= 0x41 && low <= 0x5a);
}

function nextOf(step: Step): readonly number[] {
  if (step.op === 'fork') return [step.out, step.other];
  return step.op === 'nothing' ? [step.out] : [];
}

/** Each list holds the steps that are reached from its first without taking a character. */
function listSizes(steps: readonly Step[], start: number): number {
  const skip = (id: number): number => {
    let at = id;
    for (let step = steps[at]!; step.op === 'nothing'; step = steps[at]!) at = step.out;
    return at;
  };
  const roots = new Set([skip(start)]);
  const seen = new Set<number>();
  const pending = [skip(start)];
  const predecessors = new Map<number, number[]>();
  for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
    if (seen.has(id)) continue;
    seen.add(id);
    const step = steps[id]!;
    if (step.op === 'match') continue;
    if (step.op === 'fork') {
      for (const next of nextOf(step).map(skip)) {
        predecessors.set(next, [...(predecessors.get(next) ?? []), id]);
        pending.push(next);
      }
      continue;
    }
    roots.add(skip(step.out));
    pending.push(skip(step.out));
  }
  /** What is reached from a root before another one; where it stops at roots is told, too. */
  const reach = (root: number): { inside: Set<number>; stops: number } => {
    const inside = new Set<number>();
    let stops = 0;
    const stack = [root];
    for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
      if (inside.has(id)) continue;
      if (id !== root && roots.has(id)) {
        stops++;
        continue;
      }
      inside.add(id);
      const step = steps[id]!;
      if (step.op === 'fork') stack.push(...nextOf(step).map(skip));
    }
    return { inside, stops };
  };
  // what can be reached from two lists begins one of its own
  for (let changed = true; changed; ) {
    changed = false;
    for (const root of [...roots].reverse()) {
      const { inside } = reach(root);
      for (const id of inside) {
        if (id === root || !(predecessors.get(id) ?? []).some((from) => !inside.has(from))) continue;
        if (!roots.has(id)) changed = true;
        roots.add(id);
      }
    }
  }
  let size = 0;
  for (const root of roots) {
    const { inside, stops } = reach(root);
    size += stops;
    for (const id of inside) size += stepSize(steps[id]!);
  }
  return size;
}

function stepSize(step: Step): number {
  if (step.op === 'fork' || step.op === 'nothing') return 0;
  return step.op === 'char' ? setSize(step.ranges) : 1;
}

/** A step a range; small letters stand for capital ones where a set holds both. */
function setSize(ranges: Ranges): number {
  // every byte: RE2 gives it steps of its own now and then
  if (ranges[0] === 0 && ranges[1] === lastByte) return 3;
  const pairs = pairsOf(ranges);
  const foldsAscii = pairs.every(([low, high]) => sameLetters(ranges, low, high));
  const counted = foldsAscii ? pairs.filter(([low, high]) => low < 0x41 || high > 0x5a) : pairs;
  return Math.max(1, counted.length);
}

/** Whether the other case of each ASCII letter from `low` to `high` is in the set. */
function sameLetters(ranges: Ranges, low: number, high: number): boolean {
  for (let byte = Math.max(low, 0x41); byte <= Math.min(high, 0x7a); byte++) {
    if ((byte <= 0x5a || byte >= 0x61) && !holds(ranges, byte ^ 0x20)) return false;
  }
  return true;
}
