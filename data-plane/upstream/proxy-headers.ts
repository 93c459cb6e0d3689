/** What the endpoints of a cluster are told of a client before its first byte: PROXY headers, made of the client's own one. */
import { proxyLimits, tlvTypes } from '../codec/proxy-protocol.ts';
import { writeProxyHeader } from '../codec/proxy-protocol-writer.ts';
import type { Arrival, ProxyTlv } from '../model/arrival.ts';
import type { ProxyHeaderConfig, ProxyTlvConfig } from '../model/config.ts';
import { compileText } from '../telemetry/access-log.ts';
import type { LogEntry } from '../telemetry/log-entry.ts';

/** TLVs of a configuration, compiled. */
export interface CompiledTlvs {
  readonly readsStreamId: boolean;
  /** A text that has nothing to say, but for `-`, is left out. */
  of(entry: LogEntry): ProxyTlv[];
}

const compiled = new WeakMap<readonly ProxyTlvConfig[], CompiledTlvs>();

/** Compiled once for each list. Throws on a format that decode would refuse. */
export function compiledTlvs(configs: readonly ProxyTlvConfig[]): CompiledTlvs {
  let tlvs = compiled.get(configs);
  if (tlvs === undefined) compiled.set(configs, (tlvs = compileTlvs(configs)));
  return tlvs;
}

function compileTlvs(configs: readonly ProxyTlvConfig[]): CompiledTlvs {
  const makers = configs.map(({ type, value }) => {
    if ('bytes' in value) return { type, bytes: value.bytes, text: null };
    // texts are Latin-1 where values are put in, which may be any bytes
    return { type, bytes: null, text: compileText(Buffer.from(value.format).toString('latin1')) };
  });
  return {
    readsStreamId: makers.some(({ text }) => text?.readsStreamId === true),
    of: (entry) => {
      const tlvs: ProxyTlv[] = [];
      for (const { type, bytes, text } of makers) {
        if (bytes !== null) tlvs.push({ type, value: bytes });
        else {
          const written = text.format(entry);
          if (written !== nothing) tlvs.push({ type, value: Buffer.from(written.slice(0, longestOf(type)), 'latin1') });
        }
      }
      return tlvs;
    },
  };
}

/** What texts have for a value that is not there. */
const nothing = '-';

function longestOf(type: number): number {
  return type === tlvTypes.uniqueId ? proxyLimits.uniqueIdBytes : proxyLimits.v2Bytes;
}

const noTlvs: readonly ProxyTlv[] = [];

/** Of one cluster. */
export class ProxyHeaders {
  readonly config: ProxyHeaderConfig;
  readonly #tlvs: CompiledTlvs;

  constructor(config: ProxyHeaderConfig) {
    this.config = config;
    this.#tlvs = compileTlvs(config.tlvs);
  }

  /** The entry is to have one. @param own as {@link headerOf} has it */
  readsStreamId(own: CompiledTlvs): boolean {
    return this.config.version === 2 && (this.#tlvs.readsStreamId || own.readsStreamId);
  }

  /** @param own TLVs of the listener, which go on as the client's do, and in place of those of their types */
  headerOf(arrival: Arrival, entry: LogEntry, own: CompiledTlvs): Buffer {
    const { version } = this.config;
    const { remoteAddress, remotePort, localAddress, localPort } = arrival;
    const addresses = {
      source: remoteAddress,
      sourcePort: remotePort,
      destination: localAddress,
      destinationPort: localPort,
    };
    return writeProxyHeader(version, addresses, version === 1 ? noTlvs : this.#tlvsOf(arrival, entry, own.of(entry)));
  }

  /** In Envoy's order. */
  #tlvsOf({ rawTlvs }: Arrival, entry: LogEntry, own: readonly ProxyTlv[]): readonly ProxyTlv[] {
    const { passTlvs } = this.config;
    const tlvs = this.#tlvs.of(entry);
    const said = new Set(tlvs.map(({ type }) => type));
    // a checksum is one of the header that it came with
    const passes = (type: number): boolean =>
      type !== tlvTypes.crc32c && !said.has(type) && (passTlvs === 'all' || passTlvs.includes(type));
    const passedOn = own.filter(({ type }) => passes(type));
    for (const { type } of passedOn) said.add(type);
    return [...tlvs, ...passedOn, ...rawTlvs.filter(({ type }) => passes(type))];
  }
}
