/** Client status in Envoy's messages, in pieces of bounded size. */
import type { ClientStatusResponse } from '../../proto/envoy.ts';
import { pushOrder, typeUrls } from '../../proto/type-urls.ts';
import type { ResourceStatus } from './client-status.ts';
import { limits } from './limits.ts';
import type { NodeIdentity, XdsType } from './ports.ts';
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

/** `nodes`: ids; undefined: all. Nodes come by id; one without any resource has a piece of its own. */
export function* clientConfigs(
  subscribers: Iterable<Subscriber>,
  nodes: ReadonlySet<string> | undefined,
  withoutContents: boolean,
): Generator<SizedConfig> {
  for (const streams of streamsByNode(subscribers, nodes)) {
    const node = nodeOf(streams[0]!.info.node);
    const nodeBytes = overheadBytes + JSON.stringify(node).length;
    let generic_xds_configs: ResourceConfig[] = [];
    let bytes = nodeBytes;
    for (const [type, stream] of newestOfEachType(streams)) {
      for (const status of stream.statuses(type)) {
        const config = resourceConfig(type, status, withoutContents);
        const size = sizeOf(status, withoutContents);
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

/** The open streams of each node, the newest first. */
function streamsByNode(subscribers: Iterable<Subscriber>, nodes: ReadonlySet<string> | undefined): Subscriber[][] {
  const found = new Map<string, Subscriber[]>();
  for (const subscriber of subscribers) {
    const { id, group } = subscriber.info.node;
    if (nodes !== undefined && !nodes.has(id)) continue;
    const key = JSON.stringify([id, group]);
    found.set(key, [...(found.get(key) ?? []), subscriber]);
  }
  const inOrder = [...found].sort(([a], [b]) => (a < b ? -1 : 1));
  return inOrder.map(([, streams]) => streams.sort((a, b) => b.info.streamId - a.info.streamId));
}

/** A node that reconnects may have two streams of one type for a moment (case A6). */
function newestOfEachType(streams: readonly Subscriber[]): [XdsType, Subscriber][] {
  return pushOrder.flatMap((type) => {
    const stream = streams.find((one) => one.asked(type));
    return stream === undefined ? [] : [[type, stream] as [XdsType, Subscriber]];
  });
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

function resourceConfig(type: XdsType, status: ResourceStatus, withoutContents: boolean): ResourceConfig {
  const { name, resource, config, client, refusal } = status;
  const content = resource === undefined || withoutContents ? undefined : resource.value;
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
