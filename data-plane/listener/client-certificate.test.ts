import { X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { makeCertificate } from '../../e2e/support/certificates.ts';
import type { SubjectNameConfig } from '../model/config.ts';
import { type Certificate, forwardedCertificate, isWelcome } from './client-certificate.ts';

const certificate = (options: { hosts?: string[]; uris?: string[] }): X509Certificate =>
  new X509Certificate(makeCertificate({ hosts: [], ...options }).certificate);

const endMs = 1_000_000;
const plain: Certificate = {
  subject: 'CN=orders',
  subjectAltName: 'URI:spiffe://a.b/orders, DNS:orders.a.b, IP Address:10.0.0.1',
  fingerprint256: 'AB:01',
  validToDate: new Date(endMs),
};
const uri = (value: string, prefix = false): SubjectNameConfig => ({ type: 'uri', value, prefix });
const dns = (value: string, prefix = false): SubjectNameConfig => ({ type: 'dns', value, prefix });

test.each([
  ['none', false, [], true, 0, true],
  ['none', true, [], true, 0, false],
  ['none', false, [uri('spiffe://a.b/orders')], true, 0, true],
  ['a good one', true, [], true, endMs - 1, true],
  ['a good one', false, [], false, 0, false],
  ['a good one', true, [], false, 0, false],
  ['a good one', true, [], true, endMs, false],
  ['a good one', true, [uri('spiffe://a.b/orders')], true, 0, true],
  ['a good one', true, [uri('spiffe://a.b/order')], true, 0, false],
  ['a good one', true, [uri('spiffe://a.b/', true)], true, 0, true],
  ['a good one', false, [uri('spiffe://a.c/', true)], true, 0, false],
  ['a good one', true, [uri('orders.a.b'), dns('spiffe://a.b/orders')], true, 0, false],
  ['a good one', true, [dns('10.0.0.1'), uri('', true)], true, 0, true],
  ['a good one', true, [dns('10.0.0.1'), dns('ORDERS.a.b')], true, 0, true],
  ['a good one', true, [dns('ORDERS.', true), uri('SPIFFE://a.b/orders')], true, 0, false],
  ['a good one', true, [uri('x'), dns('orders.a.b')], true, 0, true],
] as const)(
  'who shows %s where it is required (%s) with the names %j, verified (%s), at %i: %s',
  (shown, required, names, verified, nowMs, welcome) => {
    const peer = shown === 'none' ? null : plain;
    expect(isWelcome({ required, names, authorities: '' }, peer, verified, nowMs)).toBe(welcome);
  },
);

test.each([
  ['spiffe://a.b/orders\0.evil', 'spiffe://a.b/orders'],
  ['spiffe://a.b/x, URI:spiffe://a.b/orders', 'spiffe://a.b/orders'],
  ['spiffe://a.b/x", URI:spiffe://a.b/orders', 'spiffe://a.b/orders'],
  ['\xe9spiffe://a.b/orders', 'spiffe://a.b/orders'],
])('the name %j does not pass as %j', (name, wanted) => {
  const peer = certificate({ uris: [name] });
  expect(isWelcome({ required: true, names: [uri(wanted)], authorities: '' }, peer, true, 0)).toBe(false);
  expect(forwardedCertificate(peer, undefined, all)).not.toContain(`URI=${wanted}`);
});

test.each(['spiffe://a.b/\0', 'a b', '\x7f', 'caf\xe9', ''])(
  'a certificate with the name %j is no good one',
  (name) => {
    for (const names of [{ uris: [name] }, { hosts: [name] }]) {
      const any = { required: false, names: [], authorities: '' };
      expect(isWelcome(any, certificate(names), true, 0)).toBe(false);
    }
  },
);

test('a comma in a name is a part of it', () => {
  const peer = certificate({ uris: ['spiffe://a.b/x,y'] });
  expect(isWelcome({ required: true, names: [uri('spiffe://a.b/x,y')], authorities: '' }, peer, true, 0)).toBe(true);
  expect(forwardedCertificate(peer, undefined, all)).toContain(';URI="spiffe://a.b/x,y"');
});

const all = { subject: true, uri: true, dns: true };
const nothing = { subject: false, uri: false, dns: false };
const without = { ...plain, subjectAltName: undefined };

test.each([
  [plain, undefined, nothing, 'Hash=ab01'],
  [plain, plain, nothing, 'By=spiffe://a.b/orders;Hash=ab01'],
  [plain, without, all, 'Hash=ab01;Subject="CN=orders";URI=spiffe://a.b/orders;DNS=orders.a.b'],
  [without, undefined, all, 'Hash=ab01;Subject="CN=orders";URI='],
  [{ ...without, subject: undefined as unknown as string }, undefined, all, 'Hash=ab01;Subject="";URI='],
  [
    { ...without, subject: 'C=DE\nO=A \\+ B + OU=x\nCN=\\"J\xfcrgen\\"' },
    undefined,
    { ...nothing, subject: true },
    'Hash=ab01;Subject="CN=\\"J\\C3\\BCrgen\\",OU=x+O=A \\+ B,C=DE"',
  ],
  [
    { ...without, subjectAltName: 'URI:"spiffe://a/\\u002c", URI:spiffe://b/?c=d;e, DNS:"a\\u0000b", DNS:*.c.d' },
    undefined,
    all,
    'Hash=ab01;Subject="CN=orders";URI="spiffe://a/,";URI="spiffe://b/?c=d;e";DNS=*.c.d',
  ],
])('endpoints are told of %j, shown %j, as %j says: %s', (peer, own, details, told) => {
  expect(forwardedCertificate(peer, own, details)).toBe(told);
});
