import { expect, test } from 'vitest';
import { directArrival } from '../model/arrival.ts';
import { proxyProtocolOf } from '../testing.ts';
import { ProxyRules } from './proxy-rules.ts';

const direct = directArrival({
  ...{ remoteAddress: '::ffff:10.0.0.2', remotePort: 50_000, localAddress: '10.0.0.1', localPort: 443 },
});
const tlvOf = (type: number, text: string) => ({ type, value: Buffer.from(text, 'latin1') });
const addresses = {
  ...{ source: '::ffff:203.0.113.7', sourcePort: 4711, destination: '2001:db8::1', destinationPort: 8443 },
};

test('a header says who the client is and what it has connected to; who has connected stays', () => {
  const rules = new ProxyRules(
    proxyProtocolOf({
      tlvs: [
        { type: 5, name: 'unique_id' },
        { type: 2, name: 'authority' },
      ],
      passTlvs: [5, 0xe0],
    }),
  );
  const tlvs = [tlvOf(1, 'h2'), tlvOf(5, 'id\xff'), tlvOf(0xe0, 'x'), tlvOf(5, 'last')];
  expect(rules.arrivalBy({ version: 2, addresses, tlvs }, direct)).toEqual({
    ...{ remoteAddress: '203.0.113.7', remotePort: 4711, localAddress: '2001:db8::1', localPort: 8443 },
    ...{ directAddress: '10.0.0.2', directPort: 50_000, serverName: '', alpn: [] },
    proxyTlvs: new Map([['unique_id', 'last']]),
    rawTlvs: [tlvs[1], tlvs[2], tlvs[3]],
  });
});

test('without addresses and without TLVs that are kept, nothing is said', () => {
  const rules = new ProxyRules(proxyProtocolOf());
  expect(rules.arrivalBy({ version: 2, addresses: null, tlvs: [] }, direct)).toBe(direct);
  expect(rules.arrivalBy({ version: 2, addresses, tlvs: [tlvOf(5, 'id')] }, direct)).toMatchObject({
    proxyTlvs: null,
    rawTlvs: [{ type: 5 }],
  });
});

test.each([
  [null, 'closed', '203.0.113.7', 'read'],
  [['10.0.0.0/8', 'fd00::/8'], 'closed', '10.9.9.9', 'read'],
  [['10.0.0.0/8', 'fd00::/8'], 'closed', 'fd12::1', 'read'],
  [['10.0.0.0/8'], 'closed', '11.0.0.1', 'closed'],
  [['10.0.0.0/8'], 'plain', '11.0.0.1', 'plain'],
  [[], 'plain', '10.0.0.1', 'plain'],
] as const)('where %j are trusted and others are %s, from %s is %s', (trust, untrusted, address, treatment) => {
  expect(new ProxyRules(proxyProtocolOf({ trust, untrusted })).treatmentOf(address)).toBe(treatment);
});
