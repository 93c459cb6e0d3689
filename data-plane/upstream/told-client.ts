/** A client's connection of which endpoints are told: a connection that was opened to tell of it carries its requests alone. */
import type { Arrival } from '../model/arrival.ts';
import { emptyLogEntry } from '../telemetry/empty-log-entry.ts';
import { logArrival } from '../telemetry/log-arrival.ts';
import type { LogEntry } from '../telemetry/log-entry.ts';
import type { Host } from './host.ts';
import { compiledTlvs, type ProxyHeaders } from './proxy-headers.ts';

const noOwnTlvs = compiledTlvs([]);

export class ToldClient {
  /** Nothing is kept for it any more. */
  isGone = false;
  readonly #arrival: Arrival;
  #entry: LogEntry | null = null;
  readonly #hosts = new Set<Host>();

  constructor(arrival: Arrival) {
    this.#arrival = arrival;
  }

  headerBy(headers: ProxyHeaders): Buffer {
    this.#entry ??= entryOf(this.#arrival);
    return headers.headerOf(this.#arrival, this.#entry, noOwnTlvs);
  }

  /** It has connections there, which end with it. */
  isAt(host: Host): void {
    this.#hosts.add(host);
  }

  leave(): void {
    this.isGone = true;
    for (const host of this.#hosts) host.forget(this);
    this.#hosts.clear();
  }
}

/** No more than a connection knows: as with Envoy, headers know of no request. */
function entryOf(arrival: Arrival): LogEntry {
  const entry = emptyLogEntry();
  logArrival(entry, arrival);
  return entry;
}
