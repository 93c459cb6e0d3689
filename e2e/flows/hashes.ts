/** By what flows are hashed: the documents that say so, what clients say first, and the text that makes the hash. */
import { writeProxyHeader } from '../../data-plane/codec/proxy-protocol-writer.ts';
import { hello, names } from '../../data-plane/codec/testing-hello.ts';
import type { Flow } from './flows.ts';

/** Of the documents, and of the Envoy. */
export const virtual = '127.77.0.1';

export const hashes = ['source', 'five-tuple', 'destination-port', 'authority'] as const;
export type Hash = (typeof hashes)[number];

interface Kind {
  /** Of the Listener. */
  readonly protocol: string;
  readonly begin: (flow: Flow) => Buffer;
  /** @param port of the listener, as its document says */
  readonly textOf: (flow: Flow, port: number) => string;
}

const nothing = Buffer.alloc(0);
const believed = 'proxyProtocol: { accept: required, trust: [127.0.0.0/8] }';

/** What a proxy in front says of a flow: some hundred ports, and some names. */
const toldPort = ({ port }: Flow): number => 1_000 + (port % 499);
const authority = ({ port }: Flow): string => `tenant-${port % 53}.example.com`;
const serverName = ({ port }: Flow): string => `db-${port % 37}.example.com`;

function header(flow: Flow): Buffer {
  const addresses = {
    ...{ source: flow.address, sourcePort: flow.port },
    ...{ destination: '192.0.2.1', destinationPort: toldPort(flow) },
  };
  return writeProxyHeader(2, addresses, [{ type: 2, value: Buffer.from(authority(flow)) }]);
}

export const kinds: Readonly<Record<Hash, Kind>> = {
  source: { protocol: 'protocol: tcp', begin: () => nothing, textOf: ({ address }) => address },
  'five-tuple': {
    protocol: 'protocol: tcp',
    begin: () => nothing,
    textOf: ({ address, port }, to) => `${address}:${port}|${virtual}:${to}`,
  },
  'destination-port': {
    protocol: `protocol: tcp, ${believed}`,
    begin: header,
    textOf: (flow) => `${toldPort(flow)}`,
  },
  authority: {
    protocol: `protocol: tls-passthrough, ${believed}`,
    begin: (flow) => Buffer.concat([header(flow), hello(names(serverName(flow)))]),
    textOf: (flow) => `${serverName(flow)}|${authority(flow)}`,
  },
};
