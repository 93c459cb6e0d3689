/** How many connections are open, in all and from each address, as the gate of a node that is one thread counts them. */

export interface OpenCounts {
  /** Of the node. */
  readonly open: number;
  /** From one address, of those that were counted by address. */
  from(address: string): number;
  /** @param byAddress as well */
  enter(address: string, byAddress: boolean): void;
  /** @param byAddress as it came */
  leave(address: string, byAddress: boolean): void;
}

export class OwnOpenCounts implements OpenCounts {
  open = 0;
  /** Only those that are open. */
  readonly #byAddress = new Map<string, number>();

  from(address: string): number {
    return this.#byAddress.get(address) ?? 0;
  }

  enter(address: string, byAddress: boolean): void {
    this.open++;
    if (byAddress) this.#byAddress.set(address, this.from(address) + 1);
  }

  leave(address: string, byAddress: boolean): void {
    this.open--;
    if (!byAddress) return;
    const left = this.from(address) - 1;
    if (left > 0) this.#byAddress.set(address, left);
    else this.#byAddress.delete(address);
  }
}
