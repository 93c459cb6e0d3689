/** Encoded resources as people read them. */
import { decode, encode, toJson } from '../../proto/codec.ts';
import { typeUrls, type XdsType } from '../../proto/type-urls.ts';
import { redacted } from '../model/pem.ts';
import { messageNames } from './resources.ts';

/** Proto3 JSON of one resource's bytes, `@type` included, without private keys. Throws if they are not such a message. */
export function resourceJson(type: XdsType, value: Uint8Array): Record<string, unknown> {
  return toJson({ type_url: typeUrls[type], value: type === 'secrets' ? withoutKey(value) : value });
}

/** In the place of the private key stands what Envoy's own config dump shows there. */
function withoutKey(value: Uint8Array): Uint8Array {
  const secret = decode(messageNames.secrets, value);
  if (!secret.tls_certificate) return value;
  const tls_certificate = { ...secret.tls_certificate, private_key: { inline_string: redacted } };
  return encode(messageNames.secrets, { ...secret, tls_certificate });
}
