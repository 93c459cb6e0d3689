/** One value for all who would make the same: tens of thousands of documents say mostly what others say. */

/** Known by a text that stands for the value, for as long as anybody holds it. */
export class Shared<Value extends object> {
  readonly #known = new Map<string, WeakRef<Value>>();
  readonly #gone = new FinalizationRegistry<string>((key) => {
    // another may have been made since
    if (this.#known.get(key)?.deref() === undefined) this.#known.delete(key);
  });

  get(key: string, make: () => Value): Value {
    const known = this.#known.get(key)?.deref();
    if (known !== undefined) return known;
    const value = make();
    this.#known.set(key, new WeakRef(value));
    this.#gone.register(value, key);
    return value;
  }
}
