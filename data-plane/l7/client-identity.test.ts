import { expect, test } from 'vitest';
import { kindOf } from '../codec/known-headers.ts';
import { addressText } from '../model/arrival.ts';
import type { HttpChainConfig } from '../model/config.ts';
import { ClientIdentity, ipOf } from './client-identity.ts';

const peer = { ip: '127.0.7.1', address: '127.0.7.1:4000', clientCert: '' };

function identityOf(
  headers: Readonly<Record<string, string | readonly string[]>>,
  chain: Partial<HttpChainConfig>,
  from = peer,
): ClientIdentity {
  const identity = new ClientIdentity();
  const listener = {
    scheme: 'http',
    context: { chain: { useRemoteAddress: true, trustedHops: 0, preserveRequestId: false, ...chain } },
    shared: { newRequestId: () => 'new', ownAddress: '192.0.2.1' },
  } as unknown as Parameters<ClientIdentity['read']>[1];
  const has = (kind: number): boolean => Object.keys(headers).some((name) => kindOf(name) === kind);
  identity.read({ lines: (name) => [headers[name] ?? []].flat(), has }, listener, from);
  return identity;
}

const addresses = '1.1.1.1, 2.2.2.2 , 3.3.3.3';

// as measured with Envoy 1.40
test.each([
  [{}, 0, '', '127.0.7.1:4000'],
  [{}, 0, addresses, '127.0.7.1:4000'],
  [{}, 1, addresses, '3.3.3.3:0'],
  [{}, 2, addresses, '2.2.2.2:0'],
  [{}, 3, addresses, '1.1.1.1:0'],
  [{}, 4, addresses, '127.0.7.1:4000'],
  [{}, 1, '', '127.0.7.1:4000'],
  [{}, 1, '1.1.1.1, unknown', '127.0.7.1:4000'],
  [{}, 2, '1.1.1.1, unknown', '1.1.1.1:0'],
  [{}, 1, '1.1.1.1,', '127.0.7.1:4000'],
  [{}, 1, '2.2.2.2:80', '127.0.7.1:4000'],
  [{}, 1, '[2001:db8::1]', '127.0.7.1:4000'],
  [{}, 1, '2001:DB8:0::1', '[2001:db8::1]:0'],
  [{}, 1, 'fe80::1%eth0', '127.0.7.1:4000'],
  [{ useRemoteAddress: false }, 0, addresses, '3.3.3.3:0'],
  [{ useRemoteAddress: false }, 1, addresses, '2.2.2.2:0'],
  [{ useRemoteAddress: false }, 0, 'unknown', '127.0.7.1:4000'],
])('%j with %i trusted hops and the addresses %j: the client is %s', (chain, trustedHops, forwarded, address) => {
  const identity = identityOf({ 'x-forwarded-for': forwarded === '' ? [] : forwarded }, { ...chain, trustedHops });
  expect(identity.address).toBe(address);
  expect(addressText(identity.ip, Number(address.slice(address.lastIndexOf(':') + 1)))).toBe(address);
});

test.each([
  [true, [], '127.0.7.1'],
  [true, [''], '127.0.7.1'],
  [true, ['1.1.1.1', '2.2.2.2'], '1.1.1.1,2.2.2.2,127.0.7.1'],
  [true, ['1.1.1.1, '], '1.1.1.1, ,127.0.7.1'],
  [false, [], ''],
  [false, ['1.1.1.1', '2.2.2.2'], '1.1.1.1,2.2.2.2'],
])('an edge (%s) appends its peer to %j: %s', (useRemoteAddress, lines, told) => {
  expect(identityOf({ 'x-forwarded-for': lines }, { useRemoteAddress }).forwardedFor).toBe(told);
});

test.each(['127.0.0.1', '::1'])('who comes from %s is told under the address of this machine', (ip) => {
  const identity = identityOf({}, {}, { ip, address: addressText(ip, 4000), clientCert: '' });
  expect([identity.forwardedFor, identity.ip]).toEqual(['192.0.2.1', ip]);
});

test.each([
  ['nobody', 'https', 'http', 'http'],
  ['proxies', 'https', 'https', 'https'],
  ['proxies', 'HTTPS', 'HTTPS', 'https'],
  ['proxies', 'wss', 'wss', 'http'],
  ['proxies', '', '', 'http'],
  ['proxies', [], 'http', 'http'],
  ['peer', 'https', 'https', 'https'],
])('where %s is trusted and says %j, the endpoint is told %s and redirects go to %s', (trust, said, told, scheme) => {
  const chain = { useRemoteAddress: trust !== 'peer', trustedHops: trust === 'proxies' ? 1 : 0 };
  const identity = identityOf({ 'x-forwarded-proto': said }, chain);
  expect([identity.trust, identity.forwardedProto, identity.scheme]).toEqual([trust, told, scheme]);
});

test.each([
  [{}, ['abc'], 'new'],
  [{ trustedHops: 1 }, ['abc'], 'new'],
  [{ preserveRequestId: true }, ['abc'], 'abc'],
  [{ preserveRequestId: true }, [''], 'new'],
  [{ preserveRequestId: true }, ['abc', 'def'], 'abc,def'],
  [{ useRemoteAddress: false }, ['abc'], 'abc'],
  [{ useRemoteAddress: false }, [], 'new'],
])('%j: a request that comes with the ids %j has the id %s', (chain, lines, id) => {
  expect(identityOf({ 'x-request-id': lines }, chain).requestId).toBe(id);
});

test('a client of IPv4 at a socket for both versions has its own address', () => {
  expect(['::ffff:1.2.3.4', '1.2.3.4', '::1', undefined].map((remoteAddress) => ipOf({ remoteAddress }, null))).toEqual(
    [...['1.2.3.4', '1.2.3.4', '::1', '']],
  );
});
