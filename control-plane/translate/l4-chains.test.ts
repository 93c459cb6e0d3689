import { expect, test } from 'vitest';
import { randomFrom } from '../model/testing.ts';
import { l4Chains } from './l4-chains.ts';
import { typed } from './testing.ts';

type Conditions = { serverNames?: string[]; alpn?: string[]; sources?: string[] };

const route = (name: string, conditions: Conditions = {}) => typed('L4Route', name, conditions);
const said = ({ route, serverNames, alpn, sources }: ReturnType<typeof l4Chains>[number]) =>
  [route.document.name, serverNames.join(), alpn.join(), sources.join()].join(' ').trim();
const chainsOf = (...routes: Parameters<typeof route>[]) => l4Chains(routes.map((one) => route(...one))).map(said);

test('each route is a chain, in their order', () => {
  expect(chainsOf(['rest'])).toEqual(['rest']);
  expect(chainsOf(['office', { sources: ['10.0.0.0/8', '::1'] }], ['rest'])).toEqual([
    'office   10.0.0.0/8,::1/128',
    'rest',
  ]);
  expect(chainsOf(['a', { serverNames: ['a.b', '*.c'] }], ['rest'])).toEqual(['a a.b,*.c', 'rest']);
});

test('the route without conditions has a chain wherever Envoy would arrive and find no source', () => {
  const office = { serverNames: ['b.c', 'a.c'], sources: ['10.0.0.0/8'] };
  expect(chainsOf(['office', office], ['rest'])).toEqual(['office b.c,a.c  10.0.0.0/8', 'rest', 'rest a.c,b.c']);
  expect(chainsOf(['office', office])).toEqual(['office b.c,a.c  10.0.0.0/8']);
  expect(chainsOf(['office', office], ['names', { serverNames: ['a.c'] }], ['rest'])).toEqual([
    'office b.c,a.c  10.0.0.0/8',
    'names a.c',
    'rest',
    'rest b.c',
  ]);
});

test('and wherever it would arrive and find no protocol', () => {
  expect(chainsOf(['h2', { serverNames: ['a.c'], alpn: ['h2'] }], ['rest'])).toEqual(['h2 a.c h2', 'rest', 'rest a.c']);
  expect(chainsOf(['h2', { alpn: ['h2', 'h3'], sources: ['10.0.0.0/8'] }], ['rest'])).toEqual([
    'h2  h2,h3 10.0.0.0/8',
    'rest',
    'rest  h2',
    'rest  h3',
  ]);
});

/** Which chain Envoy takes: the name, then the protocol, then the source, never back. Sources are exact or none here. */
function served(chains: ReturnType<typeof l4Chains>, name: string, alpn: string, source: string): string | undefined {
  let left = chains;
  const suffixes = name.split('.').map((_, index, labels) => `*.${labels.slice(index + 1).join('.')}`);
  const names = [name, ...suffixes].find((one) => left.some(({ serverNames }) => serverNames.includes(one)));
  left = left.filter(({ serverNames }) => (names ? serverNames.includes(names) : serverNames.length === 0));
  const protocol = left.some((chain) => chain.alpn.includes(alpn));
  left = left.filter((chain) => (protocol ? chain.alpn.includes(alpn) : chain.alpn.length === 0));
  const known = left.find(({ sources }) => sources.includes(source));
  const found = known === undefined ? left.filter(({ sources }) => sources.length === 0) : [known];
  expect(found.length).toBeLessThan(2);
  return found[0]?.route.document.name;
}

test('beside a route without conditions no connection is closed, and no two chains are the same', () => {
  const seed = Number(process.env['FAIRLEAD_SEED'] ?? 7);
  const random = randomFrom(seed);
  const some = (from: readonly string[]) => from.filter(() => random() < 0.4);
  const names = ['a.c', 'b.c', '*.c', 'x.b.c', '*.b.c'];
  const sources = ['1.1.1.1/32', '2.2.2.2/32'];
  for (let round = 0; round < 300; round++) {
    const routes = Array.from({ length: 3 }, (_, index) =>
      route(`r${index}`, { serverNames: some(names), alpn: some(['h2', 'h3']), sources: some(sources) }),
    );
    const keys = new Set<string>();
    const apart = routes.filter(({ spec }) => {
      const own = (list: readonly string[]) => (list.length === 0 ? [''] : list);
      const mine = own(spec.serverNames).flatMap((a) =>
        own(spec.alpn).flatMap((b) => own(spec.sources).map((c) => `${a} ${b} ${c}`)),
      );
      if (mine.some((key) => keys.has(key) || key === '  ')) return false;
      for (const key of mine) keys.add(key);
      return true;
    });
    const chains = l4Chains([...apart, route('rest')]);
    for (const name of ['', 'a.c', 'y.c', 'x.b.c', 'y.b.c', 'other']) {
      for (const alpn of ['', 'h2', 'h3', 'h1']) {
        for (const source of [...sources, '3.3.3.3/32']) {
          expect(served(chains, name, alpn, source), `seed ${seed}, round ${round}`).toBeDefined();
        }
      }
    }
  }
});
