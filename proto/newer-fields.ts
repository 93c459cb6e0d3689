/** What Envoy has, and the .proto files that are shipped lack. */
import protobuf from 'protobufjs';

/** To be called before names are resolved. */
export function addNewerFields(root: protobuf.Root): void {
  const cluster = root.lookupType('envoy.config.cluster.v3.Cluster');
  cluster.add(new protobuf.Field('dns_jitter', 58, 'google.protobuf.Duration'));
  const attribute = new protobuf.Type('CookieAttribute');
  attribute.add(new protobuf.Field('name', 1, 'string')).add(new protobuf.Field('value', 2, 'string'));
  const cookie = root.lookupType('envoy.type.http.v3.Cookie');
  cookie.parent?.add(attribute);
  cookie.add(new protobuf.Field('attributes', 4, 'CookieAttribute', 'repeated'));
}
