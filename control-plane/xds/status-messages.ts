/** Client status in Envoy's messages, in pieces of bounded size. */
import type { ClientStatusResponse } from '../../proto/envoy.ts';
import { pushOrder, typeUrls } from '../../proto/type-urls.ts';
import type { ResourceStatus } from './client-status.ts';
import { limits } from './limits.ts';
import type { ClientElsewhere, NodeIdentity, TypeStatus, XdsType } from './ports.ts';
import type { Subscriber } from './subscriber.ts';

type ClientConfig = NonNullable<ClientStatusResponse['config']>[number];
type ResourceConfig = NonNullable<ClientConfig['generic_xds_configs']>[number];

export interface SizedConfig {
  /** Of one node; a node that has much is in several, one after the other. */
  readonly config: ClientConfig;
  /** On the wire, roughly. */
  readonly bytes: number;
}

/** Roughly, what a resource or a node costs on the wire beside its texts and its content. */
const overheadBytes = 160;

/**
 * Resource by resource for the streams of this replica, type by type (without a name) for those elsewhere. `nodes`: ids;
 * undefined: all. Nodes come by id; one without any resource has a piece of its own.
 */
export function* clientConfigs(
  subscribers: Iterable<Subscriber>,
  elsewhere: Iterable<ClientElsewhere>,
  nodes: ReadonlySet<string> | undefined,
  withoutContents: boolean,
): Generator<SizedConfig> {
  for (const client of clientsOf(subscribers, elsewhere, nodes)) {
    const node = nodeOf(client.node);
    const nodeBytes = overheadBytes + JSON.stringify(node).length;
    let generic_xds_configs: ResourceConfig[] = [];
    let bytes = nodeBytes;
    for (const type of pushOrder) {
      for (const { config, size } of configsOf(client, type, withoutContents)) {
        if (generic_xds_configs.length > 0 && bytes + size > limits.statusMessageBytes) {
          yield { config: { node, generic_xds_configs }, bytes };
          generic_xds_configs = [];
          bytes = nodeBytes;
        }
        generic_xds_configs.push(config);
        bytes += size;
      }
    }
    yield { config: { node, generic_xds_configs }, bytes };
  }
}

interface KnownClient {
  readonly node: NodeIdentity;
  /** The newest first. */
  readonly streams: Subscriber[];
  readonly elsewhere: ClientElsewhere[];
}

function clientsOf(
  subscribers: Iterable<Subscriber>,
  elsewhere: Iterable<ClientElsewhere>,
  nodes: ReadonlySet<string> | undefined,
): KnownClient[] {
  const found = new Map<string, KnownClient>();
  const known = (node: NodeIdentity): KnownClient | undefined => {
    if (nodes !== undefined && !nodes.has(node.id)) return undefined;
    const key = JSON.stringify([node.id, node.group]);
    const client = found.get(key) ?? { node, streams: [], elsewhere: [] };
    found.set(key, client);
    return client;
  };
  for (const subscriber of subscribers) known(subscriber.info.node)?.streams.push(subscriber);
  for (const client of elsewhere) known(client.node)?.elsewhere.push(client);
  for (const { streams } of found.values()) streams.sort((a, b) => b.info.streamId - a.info.streamId);
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, client]) => client);
}

/** A node that reconnects may have two streams of one type for a moment (case A6), here or here and elsewhere. */
function* configsOf(
  { streams, elsewhere }: KnownClient,
  type: XdsType,
  withoutContents: boolean,
): Generator<{ readonly config: ResourceConfig; readonly size: number }> {
  const stream = streams.find((one) => one.asked(type));
  if (stream === undefined) {
    const status = elsewhere.find(({ types }) => types[type] !== undefined)?.types[type];
    if (status !== undefined) yield { config: typeConfig(type, status), size: sizeOfType(status) };
    return;
  }
  for (const status of stream.statuses(type)) {
    yield {
      config: resourceConfig(type, status, withoutContents),
      size: sizeOf(status, isWithheld(type, withoutContents)),
    };
  }
}

function nodeOf({ id, group, userAgent, zone }: NodeIdentity): NonNullable<ClientConfig['node']> {
  const at = userAgent.lastIndexOf(' ');
  return {
    id,
    cluster: group,
    ...(zone === '' ? {} : { locality: { zone } }),
    user_agent_name: at < 0 ? userAgent : userAgent.slice(0, at),
    ...(at < 0 ? {} : { user_agent_version: userAgent.slice(at + 1) }),
  };
}

/** Private keys are for the nodes that serve them, not for administrators. */
function isWithheld(type: XdsType, withoutContents: boolean): boolean {
  return withoutContents || type === 'secrets';
}

function resourceConfig(type: XdsType, status: ResourceStatus, withoutContents: boolean): ResourceConfig {
  const { name, resource, config, client, refusal } = status;
  const content = resource === undefined || isWithheld(type, withoutContents) ? undefined : resource.value;
  return {
    type_url: typeUrls[type],
    name,
    version_info: resource?.version ?? '',
    // Any as codec.ts reads and writes it: type_url and value
    ...(content === undefined ? {} : { xds_config: { type_url: typeUrls[type], value: content as Buffer } }),
    config_status: config,
    client_status: client,
    ...(refusal === undefined ? {} : { error_state: errorState(refusal) }),
  };
}

const clientStatuses = { SYNCED: 'ACKED', NOT_SENT: 'REQUESTED', STALE: 'REQUESTED', ERROR: 'NACKED' } as const;

function typeConfig(type: XdsType, { config, version, refusal }: TypeStatus): ResourceConfig {
  return {
    type_url: typeUrls[type],
    version_info: version,
    config_status: config,
    client_status: clientStatuses[config],
    ...(refusal === undefined ? {} : { error_state: errorState(refusal) }),
  };
}

function errorState({
  reason,
  version,
  atMs,
}: NonNullable<ResourceStatus['refusal']>): NonNullable<ResourceConfig['error_state']> {
  const seconds = Math.floor(atMs / 1000);
  return {
    details: reason,
    version_info: version,
    last_update_attempt: { seconds, nanos: Math.round((atMs - seconds * 1000) * 1e6) },
  };
}

function sizeOf({ name, resource, refusal }: ResourceStatus, withoutContents: boolean): number {
  const content = withoutContents ? 0 : (resource?.value.length ?? 0);
  // a character takes three bytes at most
  return overheadBytes + content + 3 * (name.length + (refusal?.reason.length ?? 0));
}

function sizeOfType({ refusal }: TypeStatus): number {
  return overheadBytes + 3 * (refusal?.reason.length ?? 0);
}
