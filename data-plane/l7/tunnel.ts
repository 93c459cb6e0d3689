/** A request that asks for a tunnel, and the tunnel once it stands. */
import { Ranges } from '../codec/h1-chunked.ts';
import type { HttpStats } from '../telemetry/stats.ts';
import type { UpgradeAsk } from './upgrade.ts';

const ranges = new Ranges();

export class Tunnel {
  readonly ask: UpgradeAsk;
  /** From the answer that opens it. */
  open = false;
  /** The client has sent its end before the tunnel was open. */
  endedEarly: boolean;
  /** The endpoint has sent its end. */
  responseEnded = false;
  /** What the client sent before the tunnel was open: at most what one pause of its connection lets through. */
  #early: Buffer[] = [];

  /** @param endedEarly the client has sent its end with the request */
  constructor(ask: UpgradeAsk, endedEarly: boolean) {
    this.ask = ask;
    this.endedEarly = endedEarly;
  }

  hold(b: Buffer, data: Ranges): void {
    for (let i = 0; i < data.count; i++) this.#early.push(Buffer.from(b.subarray(data.starts[i], data.ends[i])));
  }

  /** It is open: what was held goes first. */
  begin({ cxUpgradesTotal, cxUpgradesActive }: HttpStats, onBody: (b: Buffer, data: Ranges) => void): void {
    this.open = true;
    cxUpgradesTotal.value++;
    cxUpgradesActive.value++;
    for (const bytes of this.#early.splice(0)) {
      ranges.clear();
      ranges.add(0, bytes.length);
      onBody(bytes, ranges);
    }
  }

  /** The request is over. */
  end({ cxUpgradesActive }: HttpStats): void {
    if (this.open) cxUpgradesActive.value--;
  }
}
