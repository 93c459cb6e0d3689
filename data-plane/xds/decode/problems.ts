/** What is wrong with a resource, each with the path of the field at fault: this text becomes the NACK. */

export interface Problem {
  /** In Envoy's snake_case, for example `virtual_hosts[0].routes[2].route`; empty: the resource as a whole. */
  readonly path: string;
  readonly message: string;
}

/** A value, or all the problems that were found. */
export type Decoded<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** The end of a problem's sentence when the field is valid xDS that is not carried out here. */
export const unsupported = 'not supported by this data plane';

/** A place inside a message. Problems found there, and in all places below it, end up in one list. */
export class Place {
  readonly #parent: Place | null;
  readonly #step: string;
  readonly #problems: Problem[];

  /** Without arguments: a message as a whole. */
  constructor(parent: Place | null = null, step = '') {
    this.#parent = parent;
    this.#step = step;
    this.#problems = parent === null ? [] : parent.#problems;
  }

  get problems(): readonly Problem[] {
    return this.#problems;
  }

  /** Made when it is asked for: most places are without a problem. */
  get path(): string {
    if (this.#parent === null) return '';
    const above = this.#parent.path;
    return above === '' || this.#step.startsWith('[') ? above + this.#step : `${above}.${this.#step}`;
  }

  field(name: string): Place {
    return new Place(this, name);
  }

  index(index: number): Place {
    return new Place(this, `[${index}]`);
  }

  item(name: string, index: number): Place {
    return this.field(name).index(index);
  }

  entry(name: string, key: string): Place {
    return new Place(this.field(name), `[${JSON.stringify(key)}]`);
  }

  refuse(message: string): void {
    this.#problems.push({ path: this.path, message });
  }
}

export function formatProblem({ path, message }: Problem): string {
  return path === '' ? message : `${path}: ${message}`;
}
