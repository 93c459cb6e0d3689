/** Pure: listeners, and who serves each slot, in; what shall stand in the node's table out. */
import { createHash } from 'node:crypto';
import net from 'node:net';
import { ipBytes, ipv6Text } from '../../../proto/ip/ip-bytes.ts';
import { limits } from './limits.ts';
import { nftName } from './names.ts';
import { isLoopback, type KernelHash, type ListenerPlan, type Target } from './plan.ts';

export type Family = 4 | 6;
export type Protocol = 'tcp' | 'udp';

/** What stands in the table, or shall: rules by their marks, everything by name. */
export interface Table {
  /** Of each slot `address . port`. */
  readonly slots: ReadonlyMap<string, readonly string[]>;
  /** Keys that are counted, as nft writes them. */
  readonly counted: ReadonlyMap<string, ReadonlySet<string>>;
  /** What flows may be idle. */
  readonly timeouts: ReadonlySet<string>;
  /** By chain, in order. */
  readonly marks: ReadonlyMap<string, readonly string[]>;
}

/** Of what is wanted the wording is known, too. */
export interface Wanted extends Table {
  readonly wording: {
    readonly slots: ReadonlyMap<string, string>;
    readonly counted: ReadonlyMap<string, string>;
    readonly timeouts: ReadonlyMap<string, string>;
    readonly rules: ReadonlyMap<string, readonly string[]>;
  };
}

/** A cluster as it is now. */
export interface ServingCluster {
  readonly name: string;
  /** All its endpoints, so that what flows to those that get no new ones is counted. */
  readonly endpoints: readonly { readonly address: string; readonly port: number }[];
  /** By slot; empty: nobody. */
  readonly slots: readonly { readonly address: string; readonly port: number }[];
}

/** A listener that is bound. */
export interface Service {
  readonly plan: ListenerPlan;
  readonly address: string;
  readonly port: number;
}

/** The chains that hang on hooks. Ours come before others' translation, which then has nothing left to do. */
export const baseChains: Readonly<Record<string, string>> = {
  prerouting: 'type nat hook prerouting priority -110; policy accept;',
  output: 'type nat hook output priority -110; policy accept;',
  postrouting: 'type nat hook postrouting priority 90; policy accept;',
  sent: 'type filter hook postrouting priority 110; policy accept;',
  received: 'type filter hook prerouting priority -150; policy accept;',
};

/** That flows of ours carry; other labels of a flow stay. */
const label = 118;
/** The same in every node, so that all of them agree on the slot of a flow. */
const seed = '0x6661726c';
/** What a rule is known again by. */
const markLength = 12;

/** @param occupied places of listeners that stay in user space: a rule for every address must not take theirs */
export function wantedTable(
  services: readonly Service[],
  clusters: ReadonlyMap<string, ServingCluster>,
  occupied: readonly Pick<Service, 'address' | 'port'>[] = [],
): Wanted {
  const draft = new Draft(clusters);
  const specific = services.filter(({ address }) => !isAny(address));
  const general = services.filter(({ address }) => isAny(address));
  const ports = new Set(general.map(({ port }) => port));
  for (const service of specific) draft.serve(service);
  for (const { address, port } of [...specific, ...occupied]) {
    if (!isAny(address) && ports.has(port)) draft.leave(address, port);
  }
  for (const service of general) draft.serve(service);
  return draft.done();
}

/** Every address of the machine. */
function isAny(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}

class Draft {
  readonly #clusters: ReadonlyMap<string, ServingCluster>;
  readonly #slots = new Map<string, { wording: string; slots: readonly string[] }>();
  readonly #counted = new Map<string, { wording: string; keys: Set<string> }>();
  readonly #timeouts = new Map<string, string>();
  readonly #incoming: string[] = [];
  readonly #local: string[] = [];
  /** Protocol and family that something is served in. */
  readonly #used = new Set<`${Protocol} ${Family}`>();

  constructor(clusters: ReadonlyMap<string, ServingCluster>) {
    this.#clusters = clusters;
  }

  /** To whoever listens there. */
  leave(address: string, port: number): void {
    const place = `${ip(familyOf(address))} daddr ${address} th dport ${port}`;
    const rule = `meta l4proto { tcp, udp } ${place} return`;
    this.#incoming.push(rule);
    this.#local.push(rule);
  }

  serve({ plan: { protocol, ways }, address, port }: Service): void {
    for (const { source, to } of ways) {
      const families = to === null ? ([4, 6] as const) : this.#familiesOf(to.cluster);
      for (const family of families) {
        if (!takes(address, family) || (source !== null && familyOf(source.split('/')[0]!) !== family)) continue;
        const match = matchOf(address, port, protocol, family, source);
        if (to === null) this.#both(`${match} return`);
        else this.#serveBy(to, { match, protocol, family, port });
      }
    }
  }

  #familiesOf(cluster: string): readonly Family[] {
    const first = this.#clusters.get(cluster)?.endpoints[0];
    return first === undefined ? [] : [familyOf(first.address)];
  }

  #serveBy(to: Target, at: { match: string; protocol: Protocol; family: Family; port: number }): void {
    const { match, protocol, family } = at;
    const cluster = this.#clusters.get(to.cluster)!;
    this.#count(cluster, at);
    // user space says to the client what there is to say
    if (cluster.slots.length === 0) return;
    const map = this.#mapOf(cluster, protocol, family);
    const size = cluster.slots.length;
    const idle = this.#timeoutOf(to.idleMs, protocol, family);
    const hash = `jhash ${hashed(to.hash, protocol, family)} mod ${size} seed ${seed}`;
    const action = `ct label set ${label}${idle} dnat ${ip(family)} to ${hash} map @${map}`;
    if (isLoopback(cluster.endpoints[0]!.address)) this.#local.push(`${match} ${action}`);
    else {
      this.#incoming.push(`${match} ${action}`);
      // what has a loopback address for its source cannot leave the machine
      const loopback = family === 4 ? '127.0.0.0/8' : '::1';
      this.#local.push(`${ip(family)} saddr != ${loopback} ${match} ${action}`);
    }
  }

  #both(rule: string): void {
    this.#incoming.push(rule);
    this.#local.push(rule);
  }

  #mapOf({ name, slots }: ServingCluster, protocol: Protocol, family: Family): string {
    const map = `slots-${protocol}${family}-${slots.length}-${nftName(name)}`;
    if (!this.#slots.has(map)) {
      const wording = `typeof numgen inc mod ${slots.length} : ${ip(family)} daddr . ${protocol} dport; size ${slots.length};`;
      this.#slots.set(map, { wording, slots: slots.map(({ address, port }) => `${plain(address)} . ${port}`) });
    }
    return map;
  }

  #timeoutOf(idleMs: number, protocol: Protocol, family: Family): string {
    if (idleMs === 0) return '';
    const seconds = Math.max(1, Math.ceil(idleMs / 1_000));
    const name = `idle-${protocol}${family}-${seconds}`;
    const policy = protocol === 'tcp' ? `established: ${seconds}` : `unreplied: ${seconds}, replied: ${seconds}`;
    this.#timeouts.set(name, `protocol ${protocol}; l3proto ${ip(family)}; policy = { ${policy} };`);
    return ` ct timeout set "${name}"`;
  }

  #count(
    { endpoints }: ServingCluster,
    { protocol, family, port }: { protocol: Protocol; family: Family; port: number },
  ) {
    this.#used.add(`${protocol} ${family}`);
    const flows = this.#countedOf(`flows-${protocol}${family}`, `type ${keyType(family)}; counter;`);
    const traffic = this.#countedOf(`traffic-${protocol}${family}`, `type ct_dir . ${keyType(family)}; counter;`);
    for (const endpoint of endpoints) {
      const key = `${port} . ${plain(endpoint.address)} . ${endpoint.port}`;
      flows.add(key);
      traffic.add(`original . ${key}`);
      traffic.add(`reply . ${key}`);
    }
  }

  #countedOf(name: string, wording: string): Set<string> {
    let counted = this.#counted.get(name);
    if (counted === undefined) this.#counted.set(name, (counted = { wording, keys: new Set() }));
    return counted.keys;
  }

  done(): Wanted {
    const rules = new Map([
      ['prerouting', ['meta nfproto @alive jump incoming']],
      ['output', ['meta nfproto @alive jump local']],
      ['incoming', this.#incoming],
      ['local', this.#local],
      ['postrouting', [...this.#lookups('flows'), `ct label ${label} oifname != "lo" masquerade`]],
      ['sent', this.#lookups('traffic', 'original')],
      ['received', this.#lookups('traffic', 'reply')],
    ]);
    return {
      slots: new Map([...this.#slots].map(([name, { slots }]) => [name, slots])),
      counted: new Map([...this.#counted].map(([name, { keys }]) => [name, keys])),
      timeouts: new Set(this.#timeouts.keys()),
      marks: new Map([...rules].map(([chain, texts]) => [chain, texts.map(markOf)])),
      wording: {
        slots: new Map([...this.#slots].map(([name, { wording }]) => [name, wording])),
        counted: new Map([...this.#counted].map(([name, { wording }]) => [name, wording])),
        timeouts: this.#timeouts,
        rules,
      },
    };
  }

  #lookups(set: 'flows' | 'traffic', direction?: 'original' | 'reply'): string[] {
    return [...this.#used].sort().map((used) => {
      const [protocol, family] = used.split(' ') as [Protocol, string];
      const source = `ct reply ${family === '4' ? 'ip' : 'ip6'} saddr`;
      const key = `ct original proto-dst . ${source} . ct reply proto-src @${set}-${protocol}${family}`;
      const one = direction === undefined ? '' : `ct direction ${direction} `;
      const first = direction === undefined ? '' : 'ct direction . ';
      return `ct label ${label} ${one}meta nfproto ipv${family} meta l4proto ${protocol} ${first}${key}`;
    });
  }
}

/** `::` takes clients of both. */
function takes(address: string, family: Family): boolean {
  return address === '::' || familyOf(address) === family;
}

function matchOf(address: string, port: number, protocol: Protocol, family: Family, source: string | null): string {
  const from = source === null ? '' : `${ip(family)} saddr ${source} `;
  const at = isAny(address)
    ? `meta nfproto ipv${family} fib daddr type local`
    : `${ip(family)} daddr ${plain(address)}`;
  return `${from}${at} ${protocol} dport ${port}`;
}

function hashed(hash: KernelHash, protocol: Protocol, family: Family): string {
  const source = `${ip(family)} saddr`;
  if (hash === 'source') return source;
  if (hash === 'destination-port') return `${protocol} dport`;
  return `${source} . ${protocol} sport . ${ip(family)} daddr . ${protocol} dport`;
}

function keyType(family: Family): string {
  return `inet_service . ipv${family}_addr . inet_service`;
}

function familyOf(address: string): Family {
  return net.isIPv6(address) ? 6 : 4;
}

function ip(family: Family): 'ip' | 'ip6' {
  return family === 4 ? 'ip' : 'ip6';
}

/** As nft writes it. */
export function plain(address: string): string {
  return net.isIPv6(address) ? ipv6Text(ipBytes(address)!, 0) : address;
}

function markOf(rule: string): string {
  return createHash('sha256').update(rule).digest('hex').slice(0, markLength);
}

/** The guard: without it no new flow is taken. */
export function aliveLines(table: string): string[] {
  const timeout = `timeout ${limits.aliveSeconds}s`;
  return [`flush set inet ${table} alive`, `add element inet ${table} alive { ipv4 ${timeout}, ipv6 ${timeout} }`];
}
