import type { StreamKind, Variant, XdsType } from '../ports.ts';
import { streamKinds } from '../services.ts';

/** Types that have a service of their own in this variant. */
export function ownServices(variant: Variant): XdsType[] {
  const kinds = Object.values(streamKinds).filter((kind) => kind.variant === variant);
  return kinds.flatMap(({ service }) => (service === 'ads' ? [] : service));
}

/** The gRPC method path of a discovery service. */
export function streamPath(variant: Variant, service: StreamKind['service']): string {
  for (const [path, kind] of Object.entries(streamKinds)) {
    if (kind.variant === variant && kind.service === service) return path;
  }
  throw new Error(`no ${variant} service for ${service}`);
}
