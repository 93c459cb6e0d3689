import net from 'node:net';
import { expect, test } from 'vitest';
import { seededRandom } from '../testing.ts';
import { PrefixTable } from './prefix-table.ts';

const table = new PrefixTable([
  ['10.0.0.0/8', 'ten'],
  ['10.1.0.0/16', 'ten one'],
  ['10.1.2.3/32', 'host'],
  ['10.1.0.0/16', 'too late'],
  ['0.0.0.0/0', 'any of IPv4'],
  ['2001:db8::/32', 'documents'],
  ['2001:db8:0:1::/64', 'one'],
  ['::ffff:10.0.0.0/104', 'mapped'],
  ['10.9.9.9/8', 'too late as well'],
]);

test.each([
  ['10.1.2.3', 'host'],
  ['10.1.2.4', 'ten one'],
  ['10.2.0.0', 'ten'],
  ['10.9.9.9', 'ten'],
  ['11.0.0.0', 'any of IPv4'],
  ['2001:db8::', 'documents'],
  ['2001:db8:0:1::5', 'one'],
  ['2001:DB8:0:1:0:0:0:5', 'one'],
  ['2001:db9::1', undefined],
  ['::ffff:10.1.2.3', 'mapped'],
  ['::ffff:a01:203', 'mapped'],
  ['fe80::1%eth0', undefined],
  ['', undefined],
])('%s falls on %s', (address, value) => {
  expect(table.find(address)).toBe(value);
});

test('a range holds what Node says it holds', () => {
  const seed = 20261122;
  const random = seededRandom(seed);
  const group = (): string => Math.floor(random() * 0x1_0000).toString(16);
  const v4 = (): string => Array.from({ length: 4 }, () => Math.floor(random() * 4)).join('.');
  const v6 = (): string =>
    random() < 0.5 ? `::${group()}` : `fd00:${Math.floor(random() * 4)}::${group()}:${group()}`;
  for (let turn = 0; turn < 500; turn++) {
    const [family, make, most] = random() < 0.5 ? (['ipv4', v4, 32] as const) : (['ipv6', v6, 128] as const);
    const [base, address, bits] = [make(), make(), Math.floor(random() * (most + 1))];
    const judge = new net.BlockList();
    judge.addSubnet(base, bits, family);
    const found = new PrefixTable([[`${base}/${bits}`, true]]).find(address) === true;
    expect(found, `seed ${seed}: ${address} in ${base}/${bits}`).toBe(judge.check(address, family));
  }
});
