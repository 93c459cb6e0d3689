/** Requests off the wire: bytes to plain values. */
import { decode } from '../../proto/codec.ts';
import type { DeltaDiscoveryRequest, DiscoveryRequest, Node } from '../../proto/envoy.ts';
import type { NodeIdentity, StreamKind, Variant } from './ports.ts';

/** What both variants have. */
export interface RequestEnvelope {
  /** Empty: not said. */
  readonly typeUrl: string;
  /** Empty: the request answers no response. */
  readonly nonce: string;
  /** Why the response was refused; its presence alone makes the request a NACK. */
  readonly error: string | undefined;
  readonly node: NodeIntroduction | undefined;
}

export interface SotwRequest extends RequestEnvelope {
  /** What the client has taken last, perhaps on an earlier stream; empty: nothing. */
  readonly version: string;
  /** As sent: the full list. */
  readonly names: readonly string[];
}

export interface DeltaRequest extends RequestEnvelope {
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  /** Name to version. */
  readonly initialVersions: ReadonlyMap<string, string>;
}

export interface NodeIntroduction {
  readonly identity: NodeIdentity;
  /** Metadata `fairlead.token`. */
  readonly token: string | undefined;
  /** `node.client_features`. */
  readonly features: readonly string[];
  /** It is a real Envoy, not a client that borrows its name: that one says what it was built from. */
  readonly isEnvoy: boolean;
}

/** Throws on bytes that are no such message. */
export function decodeSotwRequest(bytes: Uint8Array): SotwRequest {
  const request = decode('envoy.service.discovery.v3.DiscoveryRequest', bytes);
  return { ...envelopeOf(request), version: request.version_info ?? '', names: request.resource_names ?? [] };
}

/** Throws on bytes that are no such message. */
export function decodeDeltaRequest(bytes: Uint8Array): DeltaRequest {
  const request = decode('envoy.service.discovery.v3.DeltaDiscoveryRequest', bytes);
  return {
    ...envelopeOf(request),
    subscribe: request.resource_names_subscribe ?? [],
    unsubscribe: request.resource_names_unsubscribe ?? [],
    initialVersions: new Map(Object.entries(request.initial_resource_versions ?? {})),
  };
}

function envelopeOf(request: DiscoveryRequest | DeltaDiscoveryRequest): RequestEnvelope {
  return {
    typeUrl: request.type_url ?? '',
    nonce: request.response_nonce ?? '',
    error: request.error_detail ? request.error_detail.message || 'refused without a reason' : undefined,
    node: request.node ? introductionOf(request.node) : undefined,
  };
}

/** Who a client says it is. */
export function introductionOf(node: Node): NodeIntroduction {
  return {
    identity: {
      id: node.id ?? '',
      group: node.cluster ?? '',
      userAgent: `${node.user_agent_name ?? ''} ${userAgentVersion(node)}`.trim(),
      zone: node.locality?.zone ?? '',
    },
    token: node.metadata?.fields?.['fairlead.token']?.stringValue || undefined,
    features: node.client_features ?? [],
    isEnvoy: node.user_agent_name === 'envoy' && Boolean(node.user_agent_build_version),
  };
}

function userAgentVersion({ user_agent_version: text, user_agent_build_version: build }: Node): string {
  if (text) return text;
  const version = build?.version;
  if (!version) return '';
  return [version.major_number, version.minor_number, version.patch].map((part) => part ?? 0).join('.');
}

/**
 * Whether a client takes virtual hosts as resources of their own: Envoy does, and who says so, over the incremental
 * aggregated service; a RouteConfiguration says that they come by the stream that the client has.
 */
export function takesHostsApart(
  { variant, service }: StreamKind,
  { features, isEnvoy }: Pick<NodeIntroduction, 'features' | 'isEnvoy'>,
): boolean {
  return variant === 'delta' && service === 'ads' && (isEnvoy || features.includes('fairlead.virtual-hosts'));
}

/** Whether a client that says so of itself can be sent resources with a time to live, and heartbeats (case 70). */
export function takesTtl(variant: Variant, features: readonly string[]): boolean {
  if (!features.includes('xds.config.supports-resource-ttl')) return false;
  return variant === 'delta' || features.includes('xds.config.supports-resource-in-sotw');
}
