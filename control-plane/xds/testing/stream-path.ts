import type { StreamKind, Variant } from '../ports.ts';
import { streamKinds } from '../services.ts';

/** The gRPC method path of a discovery service. */
export function streamPath(variant: Variant, service: StreamKind['service']): string {
  for (const [path, kind] of Object.entries(streamKinds)) {
    if (kind.variant === variant && kind.service === service) return path;
  }
  throw new Error(`no ${variant} service for ${service}`);
}
