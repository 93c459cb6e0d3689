import { expect, test } from 'vitest';
import { TextBytes } from '../../proto/hashing/text-bytes.ts';
import { xxHash64 } from '../../proto/hashing/xx-hash64.ts';
import type { UdpChainConfig } from '../model/config.ts';
import { hashSession } from './udp-hash.ts';

const [v4, v6] = [
  { address: '10.0.0.1', port: 1234 },
  { address: 'fd00::1', port: 1234 },
];
const local = '192.0.2.1:53';

test.each<[NonNullable<UdpChainConfig['hash']>, typeof v4, string]>([
  [{ type: 'source' }, v4, '10.0.0.1'],
  [{ type: 'source' }, v6, 'fd00::1'],
  [{ type: 'five-tuple' }, v4, '10.0.0.1:1234|192.0.2.1:53'],
  [{ type: 'five-tuple' }, v6, '[fd00::1]:1234|192.0.2.1:53'],
  [{ type: 'destination-port' }, v4, '53'],
  [{ type: 'authority' }, v4, '-|-'],
  [{ type: 'key', key: 'all alike' }, v4, 'all alike'],
])('%j of %j is the hash of %s', (hash, client, expected) => {
  const [got, want] = [
    { high: 0, low: 0 },
    { high: 0, low: 0 },
  ];
  hashSession(hash, client, local, got);
  const text = new TextBytes();
  xxHash64(text.bytes, text.putUtf8(expected), want);
  expect(got).toEqual(want);
});
