/** A client that speaks the protocol by hand, and counts: at the end it must have sent more than it was sent. */
import {
  type ChannelCredentials,
  Client,
  type ClientDuplexStream,
  credentials,
  Metadata,
  type StatusObject,
} from '@grpc/grpc-js';
import { decode, durationMs, encode, messageNameOf } from '../../../proto/codec.ts';
import type {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
  DiscoveryRequest,
  MessageName,
} from '../../../proto/envoy.ts';
import { typeUrls, xdsTypeOf } from '../../../proto/type-urls.ts';
import type { StreamKind, Variant, XdsType } from '../ports.ts';
import { streamPath } from './stream-path.ts';

/** A response of either variant. */
export interface Received {
  readonly typeUrl: string;
  readonly version: string;
  readonly nonce: string;
  /** Names, sorted. */
  readonly resources: readonly string[];
  /** Names that came without a resource, sorted. */
  readonly heartbeats: readonly string[];
  /** Milliseconds, by name. */
  readonly ttls: Readonly<Record<string, number>>;
  readonly removed: readonly string[];
  /** Delta: by name. */
  readonly versions: Readonly<Record<string, string>>;
}

export const node = { id: 'n1', cluster: 'edge', user_agent_name: 'raw', user_agent_version: '1' };

export class RawClient {
  readonly #client: Client;
  readonly #onOpened: (stream: RawStream) => void;

  constructor(
    address: { host: string; port: number },
    onOpened: (stream: RawStream) => void = () => {},
    channel: ChannelCredentials = credentials.createInsecure(),
  ) {
    this.#onOpened = onOpened;
    this.#client = new Client(`${address.host}:${address.port}`, channel, {
      // a connection of its own
      'grpc.use_local_subchannel_pool': 1,
      // over TLS an address is no server name
      'grpc.ssl_target_name_override': 'localhost',
    });
  }

  open(variant: Variant, service: StreamKind['service'] = 'ads', token?: string): RawStream {
    const metadata = new Metadata();
    if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
    const call = this.#client.makeBidiStreamRequest<Buffer, Buffer>(
      streamPath(variant, service),
      (bytes) => bytes,
      (bytes) => bytes,
      metadata,
    );
    const stream = new RawStream(variant, call);
    this.#onOpened(stream);
    return stream;
  }

  close(): void {
    this.#client.close();
  }
}

type RawCall = ClientDuplexStream<Buffer, Buffer>;

export class RawStream {
  readonly #variant: Variant;
  readonly #call: RawCall;
  readonly #arrived: Received[] = [];
  #onArrival: (() => void) | undefined;
  /** The full list of each type, as a SotW client keeps it. */
  readonly #lists = new Map<string, readonly string[]>();
  readonly #nonces = new Map<string, string>();
  requests = 0;
  responses = 0;
  /** Responses acknowledged or refused by `answer`. */
  answers = 0;
  /** Resolves when the stream ends. */
  readonly ended: Promise<StatusObject>;

  constructor(variant: Variant, call: RawCall) {
    this.#variant = variant;
    this.#call = call;
    call.on('data', (bytes: Buffer) => {
      this.responses += 1;
      this.#arrived.push(readResponse(variant, bytes));
      this.#onArrival?.();
    });
    call.on('error', () => {});
    this.ended = new Promise((resolve) => {
      call.on('status', resolve);
    });
  }

  sendBytes(bytes: Buffer): void {
    this.requests += 1;
    this.#call.write(bytes);
  }

  sotw(request: DiscoveryRequest): this {
    this.#lists.set(request.type_url ?? '', request.resource_names ?? []);
    this.sendBytes(Buffer.from(encode('envoy.service.discovery.v3.DiscoveryRequest', request)));
    return this;
  }

  /** State of the world: another list, in answer to the type's newest response. */
  follow(type: XdsType, names: readonly string[]): this {
    const response_nonce = this.#nonces.get(typeUrls[type]) ?? '';
    return this.sotw({ type_url: typeUrls[type], response_nonce, resource_names: [...names] });
  }

  delta(request: DeltaDiscoveryRequest): this {
    this.sendBytes(Buffer.from(encode('envoy.service.discovery.v3.DeltaDiscoveryRequest', request)));
    return this;
  }

  /** The first request of a type, by names; none: by the empty list. */
  subscribe(type: XdsType, names: readonly string[] = [], withNode = true): this {
    const common = { type_url: typeUrls[type], ...(withNode ? { node } : {}) };
    return this.#variant === 'sotw'
      ? this.sotw({ ...common, resource_names: [...names] })
      : this.delta({ ...common, resource_names_subscribe: [...names] });
  }

  /** An empty request about a type, by its URL. */
  ask(typeUrl: string): this {
    return this.#variant === 'sotw' ? this.sotw({ type_url: typeUrl }) : this.delta({ type_url: typeUrl });
  }

  /** The next response, whenever it comes. */
  async next(): Promise<Received> {
    for (let first = this.#arrived.shift(); ; first = this.#arrived.shift()) {
      if (first !== undefined) return first;
      await new Promise<void>((resolve) => {
        this.#onArrival = resolve;
      });
    }
  }

  answer({ typeUrl, nonce, version }: Received, error?: string): this {
    this.answers += 1;
    this.#nonces.set(typeUrl, nonce);
    const common = {
      type_url: typeUrl,
      response_nonce: nonce,
      ...(error === undefined ? {} : { error_detail: { code: 3, message: error } }),
    };
    return this.#variant === 'sotw'
      ? this.sotw({ ...common, version_info: version, resource_names: [...(this.#lists.get(typeUrl) ?? [])] })
      : this.delta(common);
  }

  /** The next response, acknowledged. */
  async take(): Promise<Received> {
    const response = await this.next();
    this.answer(response);
    return response;
  }

  /** The short type name of the next response, which is acknowledged. */
  async takeType(): Promise<XdsType | undefined> {
    return xdsTypeOf((await this.take()).typeUrl);
  }

  halfClose(): void {
    this.#call.end();
  }

  cancel(): void {
    this.#call.cancel();
  }
}

export function readResponse(variant: Variant, bytes: Buffer): Received {
  return variant === 'sotw' ? readSotw(bytes) : readDelta(bytes);
}

/** A stream's first request: the node, and the names wanted of one type. */
export function encodeFirstRequest(variant: Variant, type: XdsType, names: readonly string[]): Buffer {
  const common = { type_url: typeUrls[type], node };
  return Buffer.from(
    variant === 'sotw'
      ? encode('envoy.service.discovery.v3.DiscoveryRequest', { ...common, resource_names: [...names] })
      : encode('envoy.service.discovery.v3.DeltaDiscoveryRequest', { ...common, resource_names_subscribe: [...names] }),
  );
}

function readSotw(bytes: Buffer): Received {
  const response = decode('envoy.service.discovery.v3.DiscoveryResponse', bytes);
  const entries = (response.resources ?? []).map((any) => unwrap(any as AnyBytes));
  return {
    typeUrl: response.type_url ?? '',
    version: response.version_info ?? '',
    nonce: response.nonce ?? '',
    ...contentOf(entries),
    removed: [],
    versions: {},
  };
}

function readDelta(bytes: Buffer): Received {
  const response = decode('envoy.service.discovery.v3.DeltaDiscoveryResponse', bytes);
  const resources = response.resources ?? [];
  return {
    typeUrl: response.type_url ?? '',
    version: response.system_version_info ?? '',
    nonce: response.nonce ?? '',
    ...contentOf(resources),
    removed: [...(response.removed_resources ?? [])].sort(),
    versions: Object.fromEntries(resources.map(({ name = '', version = '' }) => [name, version])),
  };
}

interface AnyBytes {
  readonly type_url: string;
  readonly value: Uint8Array;
}

type Entry = NonNullable<DeltaDiscoveryResponse['resources']>[number];

/** A state-of-the-world resource in the form of an incremental one. */
function unwrap(any: AnyBytes): Entry {
  const name = 'envoy.service.discovery.v3.Resource';
  return messageNameOf(any.type_url) === name ? decode(name, any.value) : { name: nameIn(any), resource: any };
}

function contentOf(entries: readonly Entry[]): Pick<Received, 'resources' | 'heartbeats' | 'ttls'> {
  for (const { name, resource } of entries) {
    if (!resource) continue;
    const inside = nameIn(resource as AnyBytes);
    if (inside !== name) throw new Error(`resource ${name} carries ${inside}`);
  }
  const namesOf = (some: readonly Entry[]): string[] => some.map(({ name = '' }) => name).sort();
  return {
    resources: namesOf(entries.filter(({ resource }) => resource)),
    heartbeats: namesOf(entries.filter(({ resource }) => !resource)),
    ttls: Object.fromEntries(entries.flatMap(({ name = '', ttl }) => (ttl ? [[name, durationMs(ttl)]] : []))),
  };
}

/** Decodes the resource, whatever its type, and gives its name. */
function nameIn({ type_url, value }: AnyBytes): string {
  const type = xdsTypeOf(type_url);
  if (type === undefined) throw new Error(`a resource of type ${messageNameOf(type_url)}`);
  const message: object = decode(messageNameOf(type_url) as MessageName, value);
  const { name = '', cluster_name = name } = message as { name?: string; cluster_name?: string };
  return cluster_name;
}
