/** Remembers what was made from an object, so that what did not change is neither built nor encoded again. */

/**
 * Holds one value for each owner, together with the inputs that it was made from. Documents and messages are immutable
 * and keep their identity while they do not change, so comparing by identity is enough. An owner that is gone takes its
 * value with it.
 */
export class Memo<Owner extends object, Value> {
  readonly #known = new WeakMap<Owner, { readonly inputs: readonly unknown[]; readonly value: Value }>();

  /** The remembered value if `inputs` are the same one by one, else what `make` makes now. */
  get(owner: Owner, inputs: readonly unknown[], make: () => Value): Value {
    const known = this.#known.get(owner);
    if (known !== undefined && sameItems(known.inputs, inputs)) return known.value;
    const value = make();
    this.#known.set(owner, { inputs, value });
    return value;
  }
}

/** One by one the same. */
export function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, index) => Object.is(item, b[index]));
}
