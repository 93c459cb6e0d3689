/** Untrusted values as plain JSON: what a database column can hold, and what code can walk without surprises. */
import { limits } from './limits.ts';
import { type Fault, type Path, pointerOf } from './problems.ts';

export type JsonClean =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly pointer: string; readonly fault: Fault };

class Unclean extends Error {
  readonly path: Path;
  readonly fault: Fault;
  constructor(path: Path, fault: Fault) {
    super(fault.detail);
    this.path = path;
    this.fault = fault;
  }
}

/** A deep copy without `undefined` fields, or the first thing that is not JSON. Never throws, whatever it is given. */
export function jsonClean(input: unknown): JsonClean {
  let values = 0;
  const path: (string | number)[] = [];

  function refuse(detail: string, remedy: string): never {
    throw new Unclean([...path], { detail, remedy });
  }

  function text(value: string, what: string): string {
    if (value.includes('\0')) refuse(`${what} holds a NUL character.`, 'Take it out.');
    if (!value.isWellFormed()) refuse(`${what} holds half of a character (a lone surrogate).`, 'Write it in UTF-8.');
    return value;
  }

  function within(step: string | number, value: unknown): unknown {
    path.push(step);
    const copied = copy(value);
    path.pop();
    return copied;
  }

  function copy(value: unknown): unknown {
    if (++values > limits.valuesPerDocument) {
      refuse(`The document holds more than ${limits.valuesPerDocument} values.`, 'Split it.');
    }
    switch (typeof value) {
      case 'string':
        return text(value, 'The text');
      case 'boolean':
        return value;
      case 'number':
        return Number.isFinite(value) ? value + 0 : refuse(`${value} is no number of JSON.`, 'Write a finite number.');
      case 'object':
        return value === null ? null : copyObject(value);
      default:
        return refuse(`A ${typeof value} is no value of JSON.`, 'Write a text, number, boolean, list or object.');
    }
  }

  function copyObject(value: object): unknown {
    if (path.length > limits.nesting) {
      refuse(`Lists and objects stand more than ${limits.nesting} deep in one another.`, 'Write a flatter document.');
    }
    if (Array.isArray(value)) return Array.from(value, (element, index) => within(index, element));
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) {
      refuse('This is no plain object.', 'Write a text, number, boolean, list or object.');
    }
    const copied: Record<string, unknown> = {};
    for (const [key, element] of Object.entries(value)) {
      text(key, 'The name of a field');
      if (key.length > limits.fieldNameLength) {
        refuse(`The name of a field is ${key.length} characters long.`, `Write ${limits.fieldNameLength} at most.`);
      }
      if (key === '__proto__') refuse('There is no field `__proto__` anywhere.', 'Take it out.');
      if (element !== undefined) copied[key] = within(key, element);
    }
    return copied;
  }

  try {
    return { ok: true, value: copy(input) };
  } catch (error) {
    if (error instanceof Unclean) return { ok: false, pointer: pointerOf(error.path), fault: error.fault };
    throw error;
  }
}
