/**
 * The two forms of a RouteConfiguration: without its virtual hosts, which are then asked for over VHDS, and with them
 * inside. One is as good as the other, so that a change of one host costs that host where clients can do with it.
 */
import { contentHash, encode } from '../../proto/codec.ts';
import type { NamedResource } from './build.ts';
import { type Frame, frameResource } from './encode.ts';
import type { EncodedResource } from './snapshot.ts';
import { field } from './wire.ts';

/** The field `vhds` of a RouteConfiguration, which says: over the stream that you have. */
const vhdsField = encode('envoy.config.route.v3.RouteConfiguration', {
  vhds: { config_source: { ads: {}, resource_api_version: 'V3' } },
});
const virtualHostsNumber = 2;

/** `value` has neither virtual hosts nor `vhds` yet. */
export function withVhds(configuration: NamedResource): NamedResource {
  return { ...configuration, value: Buffer.concat([configuration.value, vhdsField]) };
}

/**
 * `apart`: as of {@link withVhds}. The bytes are put together when the first client asks for them. `previous` itself if
 * it says the same. Throws for a host that is not there.
 */
export function withHosts(
  apart: EncodedResource,
  hosts: readonly string[],
  virtualHosts: ReadonlyMap<string, EncodedResource>,
  previous: EncodedResource | undefined,
): EncodedResource {
  const parts = hosts.map((name) => {
    const part = virtualHosts.get(name);
    if (part === undefined) throw new Error(`routes ${apart.name} have no virtual host ${JSON.stringify(name)}`);
    return part;
  });
  const version = contentHash(Buffer.from(JSON.stringify([apart.version, ...parts.map((part) => part.version)])));
  if (previous?.version === version) return previous;
  const { name, ttlMs } = apart;
  let made: Frame | undefined;
  const frame = (): Frame => (made ??= frameResource('routes', name, version, inlined(apart, parts)));
  return {
    ...{ name, version, ttlMs, parts },
    get value() {
      return frame().value;
    },
    get sotwField() {
      return frame().sotwField;
    },
    get deltaField() {
      return frame().deltaField;
    },
  };
}

function inlined({ value }: EncodedResource, parts: readonly EncodedResource[]): Uint8Array {
  const head = value.subarray(0, value.length - vhdsField.length);
  return Buffer.concat([head, ...parts.map((part) => field(virtualHostsNumber, part.value))]);
}
