/** What a listener makes of PROXY headers, compiled: from whom it reads them, and what it keeps of them. */
import type { ProxyHeader } from '../codec/proxy-protocol.ts';
import { type Arrival, type ProxyTlv, withoutMapping } from '../model/arrival.ts';
import type { ProxyProtocolConfig } from '../model/config.ts';
import { PrefixTable } from './prefix-table.ts';

/** What is done with a connection: its header is read, it has none, or it is closed. */
export type ProxyTreatment = 'read' | 'plain' | 'closed';

export class ProxyRules {
  readonly required: boolean;
  readonly timeoutMs: number;
  readonly #trusted: PrefixTable<true> | null;
  readonly #untrusted: 'plain' | 'closed';
  /** Names by type. */
  readonly #kept: ReadonlyMap<number, string>;
  readonly #passes: (tlv: ProxyTlv) => boolean;

  constructor(config: ProxyProtocolConfig) {
    this.required = config.required;
    this.timeoutMs = config.timeoutMs;
    this.#trusted = config.trust === null ? null : new PrefixTable(config.trust.map((range) => [range, true]));
    this.#untrusted = config.untrusted;
    this.#kept = new Map(config.tlvs.map(({ type, name }) => [type, name]));
    const { passTlvs } = config;
    this.#passes = passTlvs === 'all' ? () => true : ({ type }) => passTlvs.includes(type);
  }

  /** @param address of who has connected */
  treatmentOf(address: string): ProxyTreatment {
    return this.#trusted === null || this.#trusted.find(address) === true ? 'read' : this.#untrusted;
  }

  /** What a header says of a connection. @param direct what the socket says */
  arrivalBy({ addresses, tlvs }: ProxyHeader, direct: Arrival): Arrival {
    if (addresses === null) return direct;
    const kept = new Map<string, string>();
    for (const { type, value } of tlvs) {
      const name = this.#kept.get(type);
      if (name !== undefined) kept.set(name, Buffer.from(value).toString('latin1'));
    }
    return {
      ...direct,
      remoteAddress: withoutMapping(addresses.source),
      remotePort: addresses.sourcePort,
      localAddress: withoutMapping(addresses.destination),
      localPort: addresses.destinationPort,
      proxyTlvs: kept.size === 0 ? null : kept,
      rawTlvs: tlvs.filter(this.#passes),
    };
  }
}
