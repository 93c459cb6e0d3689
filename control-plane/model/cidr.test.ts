import { expect, test } from 'vitest';
import { CidrHolders, parseCidr } from './cidr.ts';
import { randomFrom } from './testing.ts';

test.each([
  ['10.0.0.0/8', '10.0.0.0/8'],
  ['0.0.0.0/0', '0.0.0.0/0'],
  ['10.1.2.3', '10.1.2.3/32'],
  ['255.255.255.254/31', '255.255.255.254/31'],
  ['::/0', '::/0'],
  ['FD00:0::/8', 'fd00::/8'],
  ['::1', '::1/128'],
  ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1/128'],
  ['1:2:3:4:5:6:7:8/128', '1:2:3:4:5:6:7:8/128'],
  ['::ffff:10.0.0.0/104', '10.0.0.0/8'],
  ['::ffff:10.1.2.3', '10.1.2.3/32'],
  ['::ffff:0:0/96', '0.0.0.0/0'],
  ['::ffff:0:0:0/90', '::ffff:0:0:0/90'],
])('%s is the range %s', (written, canonical) => {
  expect(parseCidr(written)).toEqual({ ok: true, value: canonical });
  expect(parseCidr(canonical)).toEqual({ ok: true, value: canonical });
});

test.each([
  ['10.1.2.3/8', 'Write `10.0.0.0/8`, or `10.1.2.3/32`.'],
  ['fd00::1/8', 'Write `fd00::/8`, or `fd00::1/128`.'],
  ['1.2.3.4/0', 'Write `0.0.0.0/0`'],
  ['1:2:3:4:5:6:7:8/64', 'Write `1:2:3:4::/64`'],
  ['10.0.0.0/33', '10.0.0.0/8'],
  ['::/129', '10.0.0.0/8'],
  ['10.0.0.0/08', '10.0.0.0/8'],
  ['10.0.0.0/', '10.0.0.0/8'],
  ['10.0.0.0/8/8', '10.0.0.0/8'],
  ['10.0.0.0/255.0.0.0', '10.0.0.0/8'],
  ['10.0.0/8', '10.0.0.0/8'],
  ['010.0.0.0/8', '10.0.0.0/8'],
  ['fe80::1%eth0', '10.0.0.0/8'],
  ['[::1]/128', '10.0.0.0/8'],
  ['example.com', '10.0.0.0/8'],
  ['', '10.0.0.0/8'],
])('%j is no range', (written, remedy) => {
  const parsed = parseCidr(written);
  expect(parsed.ok ? undefined : parsed.fault.remedy).toContain(remedy);
});

test.each([
  [['10.0.0.0/8'], ['10.1.0.0/16'], true],
  [['10.1.0.0/16'], ['10.0.0.0/8'], true],
  [['10.0.0.0/9'], ['10.128.0.0/9'], false],
  [['1.0.0.0/8', '9.0.0.0/8'], ['2.0.0.0/8', '9.9.9.9/32'], true],
  [['::/0'], ['0.0.0.0/0'], false],
  [['0.0.0.0/0', '::/0'], ['fd00::1/128'], true],
  [['255.255.255.255/32'], ['0.0.0.0/0'], true],
  [[], ['0.0.0.0/0'], false],
])('%j and %j have addresses in common: %j', (a, b, overlap) => {
  const isHeld = (by: readonly string[], cidrs: readonly string[]) =>
    holdersOf({ theirs: by }).otherThan('mine', cidrs) === 'theirs';
  expect([isHeld(a, b), isHeld(b, a)]).toEqual([overlap, overlap]);
});

test('whose ranges overlap is found among those of other owners, whatever lies in between', () => {
  const holders = holdersOf({
    a: ['10.0.0.0/8', '20.0.0.0/32'],
    b: ['10.128.0.0/16', '20.0.0.0/8'],
    c: ['10.128.1.0/24', '::/0'],
  });
  const others = (owner: string, ...cidrs: string[]) => holders.otherThan(owner, cidrs);
  expect(others('a', '10.0.0.0/16')).toBeUndefined();
  expect(others('a', '10.128.0.0/17')).toBe('b');
  expect(others('b', '10.128.200.0/24')).toBe('a');
  expect(others('b', '9.0.0.0/8', '20.0.0.0/32')).toBe('a');
  expect(others('a', '10.200.0.0/16', '20.1.0.0/16')).toBe('b');
  expect(others('c', '10.128.1.7/32')).toBe('a');
  expect(others('c', 'fd00::/8')).toBeUndefined();
  expect(others('a', 'fd00::/8')).toBe('c');
  expect(others('d', '30.0.0.0/8')).toBeUndefined();
});

test('random ranges: an owner is told of another exactly where one overlaps', () => {
  const random = randomFrom(7);
  const below = (limit: number): number => Math.floor(random() * limit);
  const cidr = (): string => {
    const bits = 24 + below(9);
    return `10.0.0.${(below(256) >> (32 - bits)) << (32 - bits)}/${bits}`;
  };
  const bytesOf = (range: string): [number, number] => {
    const first = Number(range.split(/[./]/)[3]);
    return [first, first + 2 ** (32 - Number(range.split('/')[1])) - 1];
  };
  for (let round = 0; round < 300; round++) {
    const ranges = Array.from({ length: 1 + below(12) }, () => ({ cidr: cidr(), owner: below(3) }));
    const holders = new CidrHolders(
      ranges,
      (one) => [one.cidr],
      ({ owner }) => owner,
    );
    const [mine, asked] = [below(3), cidr()];
    const [first, last] = bytesOf(asked);
    const overlaps = ({ cidr: other }: { cidr: string }) => bytesOf(other)[0] <= last && bytesOf(other)[1] >= first;
    const found = holders.otherThan(mine, [asked]);
    expect(found !== undefined).toBe(ranges.some((one) => one.owner !== mine && overlaps(one)));
    if (found !== undefined) expect([found.owner !== mine, overlaps(found)]).toEqual([true, true]);
  }
});

/** Each is its own owner. */
function holdersOf(ranges: Readonly<Record<string, readonly string[]>>): CidrHolders<string> {
  return new CidrHolders(
    Object.keys(ranges),
    (name) => ranges[name]!,
    (name) => name,
  );
}
