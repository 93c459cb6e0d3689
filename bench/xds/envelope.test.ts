import { expect, test } from 'vitest';
import { encode } from '../../proto/codec.ts';
import { readEnvelope } from './envelope.ts';

test('type and nonce are found before and behind resources of any length', () => {
  const type_url = 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration';
  const resources = [10, 200, 70_000].map((length) => ({ name: 'x'.repeat(length), version: 'v' }));
  const bytes = Buffer.from(
    encode('envoy.service.discovery.v3.DeltaDiscoveryResponse', { type_url, nonce: '17', resources }),
  );
  expect(readEnvelope(bytes)).toEqual({ typeUrl: type_url, nonce: '17' });
  expect(readEnvelope(Buffer.concat([bytes, Buffer.from([0x2a, 1, 0x39])])).nonce).toBe('9');
});

test('a response that ends midway is an error, not an empty nonce', () => {
  expect(() => readEnvelope(Buffer.from([0x2a]))).toThrow('ends in the middle');
});
