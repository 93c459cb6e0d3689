import { type Arrival, addressText } from '../model/arrival.ts';
import type { LogEntry } from './log-entry.ts';

/** What an arrival tells, but for who the client is: proxies in front may know better. */
export function logArrival(entry: LogEntry, arrival: Arrival): void {
  entry.directAddress = addressText(arrival.directAddress, arrival.directPort);
  entry.localAddress = addressText(arrival.localAddress, arrival.localPort);
  entry.requestedServerName = arrival.serverName;
  entry.proxyTlvs = arrival.proxyTlvs;
}
