/**
 * Whether a whole text matches, in time linear in its length: a deterministic automaton that is made as it is needed.
 * A state is the set of steps that wait, and what stood before; how many are kept is bounded.
 */
import { around, assertionHolds, kindOf } from './around.ts';
import type { Program } from './compile.ts';
import { holds } from './syntax.ts';

export type TextTest = (text: string) => boolean;

class State {
  /** Where each byte leads; null: not asked yet. */
  readonly next: (State | null)[] = new Array(256).fill(null);
  accepts: boolean | undefined;
  readonly steps: readonly number[];
  readonly before: number;

  constructor(steps: readonly number[], before: number) {
    this.steps = steps;
    this.before = before;
  }
}

/** States that one expression keeps, of some 2 KiB each; beyond, all are forgotten and made again. */
const mostStates = 100;

/** Texts are bytes, written as Latin-1. */
export function textTest(program: Program): TextTest {
  const { steps, start } = program;
  let states = new Map<string, State>();
  let first = new State([start], around.edge);
  const stateOf = (waiting: readonly number[], before: number): State => {
    const key = `${before}:${waiting.join()}`;
    let state = states.get(key);
    if (state === undefined) {
      if (states.size >= mostStates) {
        states = new Map();
        first = new State([start], around.edge);
      }
      state = new State(waiting, before);
      states.set(key, state);
    }
    return state;
  };
  /** The steps that take a character or match, where `after` comes next. */
  const reached = (state: State, after: number): Set<number> => {
    const found = new Set<number>();
    const stack = [...state.steps];
    for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
      if (found.has(id)) continue;
      found.add(id);
      const step = steps[id]!;
      if (step.op === 'fork') stack.push(step.out, step.other);
      else if (step.op === 'nothing' || step.op === 'capture') stack.push(step.out);
      else if (step.op === 'assertion' && assertionHolds(step.kind, state.before, after)) stack.push(step.out);
    }
    return found;
  };
  const advance = (state: State, byte: number): State => {
    const kind = kindOf(byte);
    const waiting = new Set<number>();
    for (const id of reached(state, kind)) {
      const step = steps[id]!;
      if (step.op === 'char' && holds(step.ranges, byte)) waiting.add(step.out);
    }
    return stateOf(
      [...waiting].sort((a, b) => a - b),
      kind,
    );
  };
  const accepts = (state: State): boolean => {
    state.accepts ??= [...reached(state, around.edge)].some((id) => steps[id]!.op === 'match');
    return state.accepts;
  };
  return (text) => {
    let state = first;
    for (let i = 0; i < text.length; i++) {
      const byte = text.charCodeAt(i);
      let next = state.next[byte] ?? null;
      if (next === null) {
        next = advance(state, byte);
        state.next[byte] = next;
      }
      if (next.steps.length === 0) return false;
      state = next;
    }
    return accepts(state);
  };
}
