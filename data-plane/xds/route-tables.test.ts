import { expect, test } from 'vitest';
import type { VirtualHostConfig } from '../model/config.ts';
import type { RoutesResource } from './decode/resources.ts';
import { RouteTables } from './route-tables.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
console.log(`seed of the changes: ${seed} (SEED=${seed} repeats them)`);

/** Mulberry32. */
function randomOf(state: number): (below: number) => number {
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4_294_967_296) * below);
  };
}

const tableNames = ['a', 'b', 'a/b'];
const hostNames = tableNames.flatMap((table) => ['x', 'y', 'z'].map((host) => `${table}/${host}`));
const domains = ['1', '2', '3', '4', '5'];

/** What a client would hold after the same responses, put together from nothing. */
class Model {
  readonly routes = new Map<string, RoutesResource>();
  readonly hosts = new Map<string, VirtualHostConfig>();

  hostsOf(table: string): string[] {
    const homeOf = (host: string) =>
      tableNames
        .filter((name) => (this.routes.get(name)?.vhds ?? null) !== null && host.startsWith(`${name}/`))
        .sort((one, other) => other.length - one.length)[0];
    const routes = this.routes.get(table)!;
    const apart = [...this.hosts.keys()].filter((name) => homeOf(name) === table);
    return [...routes.hosts.map(({ name }) => name), ...(routes.vhds === null ? [] : apart)].sort();
  }
}

test('whatever comes in whatever order, a table is what is held of it, and no domain stands in it twice', () => {
  const random = randomOf(seed);
  let compared = 0;
  for (let round = 0; round < 300; round++) {
    const model = new Model();
    const tables = new RouteTables({ get: (name) => model.routes.get(name), missing: () => undefined });
    const awaited = new Set<string>();
    const someDomains = () => domains.filter(() => random(3) === 0);
    for (let step = 0; step < 30; step++) {
      if (random(4) === 0) {
        const name = tableNames[random(tableNames.length)]!;
        const list = someDomains();
        const hosts = list.length === 0 ? [] : [{ name: 'inside', domains: list, routes: [] }];
        // hosts that come from an inner table to an outer one may find their domains taken, so the inner one stays
        const isApart = name === 'a/b' || random(4) > 0;
        const routes = { name, hosts, vhds: isApart ? { fetchTimeoutMs: null } : null };
        if (tables.clashesOfRoutes([routes]).size > 0) continue;
        model.routes.set(name, routes);
        tables.putRoutes(name, routes);
      } else {
        const touched = hostNames.filter(() => random(4) === 0);
        const removed = touched.filter(() => random(4) === 0);
        const arrived = touched
          .filter((name) => !removed.includes(name))
          .map((name) => ({ name, domains: [domains[random(domains.length)]!, ...someDomains()], routes: [] }))
          .map((host) => ({ ...host, domains: [...new Set(host.domains)] }));
        const refused = tables.clashesOfHosts(arrived, removed);
        for (const name of removed) model.hosts.delete(name);
        for (const host of arrived) if (!refused.has(host.name)) model.hosts.set(host.name, host);
        tables.putHosts(touched.map((name) => [name, model.hosts.get(name)]));
        tables.hostsAnswered();
      }
      const waits = tables.takeWaitChanges();
      for (const name of waits.added) awaited.add(name);
      for (const name of waits.removed) awaited.delete(name);
      for (const name of model.routes.keys()) {
        const served = tables.get(name);
        if (served === undefined || awaited.has(name)) continue;
        const [held, wanted] = [served.hosts.map((host) => host.name).sort(), model.hostsOf(name)];
        const all = served.hosts.flatMap((host) => host.domains);
        compared++;
        // expecting what is so takes longer than all the rest
        if (held.join() !== wanted.join()) expect(held, `round ${round}`).toEqual(wanted);
        if (all.length !== new Set(all).size) expect(all, `round ${round}`).toHaveLength(new Set(all).size);
      }
    }
  }
  expect(compared).toBeGreaterThan(5_000);
});

test('a host that falls to another table, where its domain is taken, serves once the domain is free', () => {
  const apart = (name: string): RoutesResource => ({ name, hosts: [], vhds: { fetchTimeoutMs: null } });
  const host = (name: string) => [name, { name, domains: ['1'], routes: [] }] as const;
  const tables = new RouteTables({ get: apart, missing: () => undefined });
  for (const name of ['a', 'a/b']) tables.putRoutes(name, apart(name));
  tables.putHosts([host('a/x'), host('a/b/x')]);
  const names = () => tables.get('a')?.hosts.map(({ name }) => name);
  tables.putRoutes('a/b', undefined);
  expect(tables.get('a/b')).toBeUndefined();
  expect(names()).toEqual(['a/x']);
  tables.putHosts([['a/x', undefined]]);
  expect(names()).toEqual(['a/b/x']);
});
