/** What the xDS server needs from outside: who may subscribe, and who wants to hear of acknowledgements. */
import type { XdsType } from '../../proto/type-urls.ts';

export interface NodeIdentity {
  readonly id: string;
  /** `node.cluster`: the node group. */
  readonly group: string;
  /** For example `fairlead 0.1.0` or `envoy 1.40.0`. */
  readonly userAgent: string;
  readonly zone: string;
}

export interface StreamInfo {
  /** Unique in this process. */
  readonly streamId: number;
  readonly node: NodeIdentity;
  readonly variant: 'delta' | 'sotw';
  /** ADS, or the one type of a per-type service. */
  readonly service: 'ads' | XdsType;
  readonly peer: string;
}

/** Decides at the first request of a stream. `token` comes from metadata `authorization` or node metadata `fairlead.token`. */
export type AuthorizeStream = (
  token: string | undefined,
  node: NodeIdentity,
) => Promise<
  | { readonly ok: true }
  | { readonly ok: false; readonly code: 'unauthenticated' | 'permission-denied'; readonly message: string }
>;

/** Told by the streams; `fleet` implements it. */
export interface StreamObserver {
  opened(stream: StreamInfo): void;
  closed(stream: StreamInfo): void;
  /** A response left. `names`: what it carried. */
  sent(stream: StreamInfo, type: XdsType, version: string, nonce: string): void;
  acked(stream: StreamInfo, type: XdsType, version: string, nonce: string): void;
  nacked(stream: StreamInfo, type: XdsType, version: string, nonce: string, message: string): void;
}
