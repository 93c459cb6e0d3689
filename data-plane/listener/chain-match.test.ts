import { expect, test } from 'vitest';
import { type Arrival, directArrival } from '../model/arrival.ts';
import type { ChainMatchConfig } from '../model/config.ts';
import { ChainMatcher } from './chain-match.ts';

const empty: ChainMatchConfig = { serverNames: [], alpn: [], transport: null, sources: [], directSources: [] };
const local = directArrival({ remoteAddress: '127.0.0.1', remotePort: 1, localAddress: '127.0.0.1', localPort: 2 });

/** A chain is called as its key says. */
function matcher(chains: Record<string, Partial<ChainMatchConfig>>, otherwise: string | null = null) {
  const matched = Object.entries(chains).map(([chain, match]) => ({ chain, match: { ...empty, ...match } }));
  return new ChainMatcher(matched, otherwise);
}

type Case = [what: Partial<Arrival>, transport: 'tls' | 'raw_buffer', chain: string | null];
const tls = (serverName: string, ...alpn: string[]) => [{ serverName, alpn }, 'tls'] as const;
const from = (remoteAddress: string, directAddress = remoteAddress): [Partial<Arrival>, 'raw_buffer'] => [
  { remoteAddress, directAddress },
  'raw_buffer',
];

function check(chains: ChainMatcher<string>, cases: readonly Case[]): void {
  for (const [what, transport, chain] of cases) {
    expect(chains.choose({ ...local, ...what }, transport), JSON.stringify([what, transport])).toBe(chain);
  }
}

test('names: exact, then the longest suffix, then none; dots and case are as they come', () => {
  const named = { exact: ['a.example.com'], suffix: ['*.example.com'], longer: ['*.x.example.com', '*.y.example.com'] };
  check(
    matcher({
      longer: { serverNames: named.longer },
      suffix: { serverNames: named.suffix },
      exact: { serverNames: named.exact },
      any: {},
    }),
    [
      [...tls('a.example.com'), 'exact'],
      [...tls('b.example.com'), 'suffix'],
      [...tls('q.b.example.com'), 'suffix'],
      [...tls('q.y.example.com'), 'longer'],
      [...tls('x.example.com'), 'suffix'],
      [...tls('example.com'), 'any'],
      [...tls('.example.com'), 'suffix'],
      [...tls('a.example.com.'), 'any'],
      [...tls('aexample.com'), 'any'],
      [...tls('com'), 'any'],
      [...tls('.'), 'any'],
      [...tls('127.0.0.1'), 'any'],
      [...tls(''), 'any'],
      [{}, 'raw_buffer', 'any'],
    ],
  );
});

test('without a chain for the rest, nobody serves what no chain names', () => {
  check(matcher({ exact: { serverNames: ['a'] } }), [
    [...tls('a'), 'exact'],
    [...tls('b'), null],
    [...tls(''), null],
  ]);
  check(matcher({ exact: { serverNames: ['a'] } }, 'otherwise'), [[...tls('b'), 'otherwise']]);
  check(matcher({}, 'otherwise'), [[...tls('b'), 'otherwise']]);
  check(matcher({}), [[...tls('b'), null]]);
});

test('an earlier step is not gone back on when a later one finds nothing', () => {
  check(
    matcher({
      named: { serverNames: ['a'], alpn: ['h2'] },
      suffix: { serverNames: ['*.a'], sources: ['10.0.0.0/8'] },
      any: {},
    }),
    [
      [...tls('a', 'h2'), 'named'],
      [...tls('a', 'http/1.1'), null],
      [...tls('b.a'), null],
      [...tls('b'), 'any'],
    ],
  );
});

test('transports, and the first of the client’s protocols that a chain has', () => {
  check(
    matcher({
      h2: { transport: 'tls', alpn: ['h2'] },
      one: { transport: 'tls', alpn: ['http/1.1', 'http/1.0'] },
      tls: { transport: 'tls' },
      plain: { transport: 'raw_buffer' },
      'never, for transports come first': { alpn: ['postgresql'] },
    }),
    [
      [...tls('', 'h2', 'http/1.1'), 'h2'],
      [...tls('', 'x', 'http/1.1', 'h2'), 'one'],
      [...tls('', 'postgresql'), 'tls'],
      [...tls(''), 'tls'],
      [{}, 'raw_buffer', 'plain'],
    ],
  );
});

test('the smallest range of those who have connected, then of the clients', () => {
  check(
    matcher({
      tier: { directSources: ['10.0.0.0/8'] },
      'inner client': { directSources: ['10.0.0.0/8'], sources: ['10.0.0.0/8', 'fd00::/8'] },
      'one client': { directSources: ['10.0.0.0/8'], sources: ['10.1.2.3/32'] },
      'closer tier': { directSources: ['10.7.0.0/16'], sources: ['192.0.2.0/24'] },
      any: { sources: ['0.0.0.0/0'] },
    }),
    [
      [...from('192.0.2.1', '10.0.0.1'), 'tier'],
      [...from('10.9.9.9', '10.0.0.1'), 'inner client'],
      [...from('fd12::1', '10.0.0.1'), 'inner client'],
      [...from('10.1.2.3', '10.0.0.1'), 'one client'],
      [...from('192.0.2.1', '10.7.0.1'), 'closer tier'],
      [...from('192.0.3.1', '10.7.0.1'), null],
      [...from('10.1.2.3', '192.0.2.1'), 'any'],
      [...from('fd12::1', 'fd12::1'), null],
    ],
  );
});

test('of two chains with the same match the first one holds', () => {
  check(matcher({ first: { serverNames: ['a', 'a'] }, second: { serverNames: ['a'] } }), [[...tls('a'), 'first']]);
});
