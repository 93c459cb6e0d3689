/** Resources with a time to live, and heartbeats: made when the first client that can use them is sent one, then shared. */
import { durationOf, encode } from '../../proto/codec.ts';
import { nameFields } from './encode.ts';
import type { EncodedResource } from './snapshot.ts';
import { field, fieldHead } from './wire.ts';

/** `resources` entries of responses, in pieces of which some are shared. */
export interface ExpiringForms {
  /** Of a DeltaDiscoveryResponse: a Resource. */
  readonly delta: readonly Uint8Array[];
  /** Of a DiscoveryResponse: an Any that holds the same Resource. */
  readonly sotw: readonly Uint8Array[];
}

const wrapperUrl = field(1, 'type.googleapis.com/envoy.service.discovery.v3.Resource');

const wholes = new WeakMap<EncodedResource, ExpiringForms>();
const heartbeats = new WeakMap<EncodedResource, ExpiringForms>();

/** The resource together with its time to live. Its bytes stay the only ones that there are of it. */
export function expiring(resource: EncodedResource): ExpiringForms {
  return remembered(wholes, resource, [resource.sotwField]);
}

/** Its name, version and time to live, which begins anew. */
export function heartbeat(resource: EncodedResource): ExpiringForms {
  return remembered(heartbeats, resource, []);
}

function remembered(
  known: WeakMap<EncodedResource, ExpiringForms>,
  resource: EncodedResource,
  any: readonly Uint8Array[],
): ExpiringForms {
  let forms = known.get(resource);
  if (forms === undefined) known.set(resource, (forms = formsOf(resource, any)));
  return forms;
}

/** Resource{version = 1, resource = 2, name = 3, aliases = 4, ttl = 6}; a response's own Any is field 2 as well. */
function formsOf({ name, aliasOf, version, ttlMs }: EncodedResource, any: readonly Uint8Array[]): ExpiringForms {
  const names = aliasOf === undefined ? nameFields(name, undefined) : nameFields(aliasOf, name);
  const ttlField = encode('envoy.service.discovery.v3.Resource', { ttl: durationOf(ttlMs) });
  const wrapper = [field(1, version), ...any, Buffer.concat([names, ttlField])];
  const length = wrapper.reduce((sum, part) => sum + part.length, 0);
  const anyHead = Buffer.concat([wrapperUrl, fieldHead(2, length)]);
  const sotwHead = Buffer.concat([fieldHead(2, anyHead.length + length), anyHead]);
  return { delta: [fieldHead(2, length), ...wrapper], sotw: [sotwHead, ...wrapper] };
}
