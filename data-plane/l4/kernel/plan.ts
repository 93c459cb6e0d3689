/** Pure: what of a listener the kernel can carry, what it can't and why, and what gets lost where it is made to. */
import net from 'node:net';
import type {
  ClusterConfig,
  Datapath,
  ListenerConfig,
  TcpListenerConfig,
  TcpProxyConfig,
  UdpChainConfig,
} from '../../model/config.ts';

/** What the kernel hashes of a new flow. */
export type KernelHash = 'five-tuple' | 'source' | 'destination-port';

export interface Target {
  readonly cluster: string;
  readonly hash: KernelHash;
  /** Without a packet either way a flow is forgotten; 0: when the system says so. */
  readonly idleMs: number;
}

/** Whom it serves, and where they go. The first one that fits counts. */
export interface Way {
  /** `address/bits`; null: everybody. */
  readonly source: string | null;
  /** null: user space. */
  readonly to: Target | null;
}

export interface ListenerPlan {
  readonly name: string;
  readonly protocol: 'tcp' | 'udp';
  readonly ways: readonly Way[];
  /** Why it, or a part of it, is left to user space though the kernel was asked for. */
  readonly reasons: readonly string[];
  /** What is asked for and not carried out by the kernel, which was insisted on. */
  readonly lost: readonly string[];
  /** `datapath: kernel` stands somewhere: what is left to user space is worth a warning. */
  readonly insisted: boolean;
}

type Clusters = ReadonlyMap<string, ClusterConfig>;

interface Findings {
  /** The kernel can't. */
  readonly cannot: string[];
  /** It could, without this. */
  readonly loses: string[];
}

/** null: nobody asks for the kernel. */
export function planOf(listener: ListenerConfig, clusters: Clusters): ListenerPlan | null {
  const { chain } = listener;
  if (chain.type === 'http') return null;
  return chain.type === 'tcp' ? planTcp(listener, chain, clusters) : planUdp(listener, chain, clusters);
}

function planTcp(listener: ListenerConfig, chain: TcpListenerConfig, clusters: Clusters): ListenerPlan | null {
  const proxies = [...chain.chains.map(({ proxy }) => proxy), ...(chain.otherwise === null ? [] : [chain.otherwise])];
  const asked = proxies.filter(({ datapath }) => datapath !== 'user');
  if (asked.length === 0) return null;
  const plan = new PlanBuilder(
    listener.name,
    'tcp',
    asked.map(({ datapath }) => datapath),
  );
  const whole = wholeFaults(listener, chain);
  if (whole.length > 0) return plan.leave(whole);
  for (const { source, proxy } of bySource(chain)) {
    plan.add(source, proxy.datapath, tcpTarget(proxy), tcpFindings(proxy, clusters));
  }
  return plan.done();
}

/** What has to be looked at before anybody knows where a connection goes. */
function wholeFaults({ proxyProtocol }: ListenerConfig, { inspectTls, chains }: TcpListenerConfig): string[] {
  const matches = chains.map(({ match }) => match);
  const faults: string[] = [];
  if (proxyProtocol !== null) faults.push('it reads PROXY headers');
  if (inspectTls || matches.some((one) => one.serverNames.length + one.alpn.length > 0 || one.transport !== null)) {
    faults.push('it looks into the ClientHello');
  }
  if (matches.some(({ directSources }) => directSources.length > 0)) faults.push('it goes by direct sources');
  return faults;
}

interface Sourced {
  readonly source: string | null;
  readonly proxy: TcpProxyConfig;
}

/** The longest prefix serves. */
function bySource({ chains, otherwise }: TcpListenerConfig): readonly Sourced[] {
  const sourced: Sourced[] = chains.flatMap(({ match: { sources }, proxy }) =>
    sources.map((source) => ({ source, proxy })),
  );
  const others = chains.filter(({ match }) => match.sources.length === 0).map(({ proxy }) => ({ source: null, proxy }));
  const last = otherwise === null ? [] : [{ source: null, proxy: otherwise }];
  return [...sourced.sort((a, b) => bitsOf(b) - bitsOf(a)), ...others, ...last];
}

function bitsOf({ source }: Sourced): number {
  return Number(source?.split('/')[1]);
}

function tcpTarget({ to, hash, idleTimeoutMs }: TcpProxyConfig): Target {
  const means = hash === null ? 'five-tuple' : hash.type === 'source' ? 'source' : hash.means;
  // without a hash it is chance, which the client's port is as well
  return { cluster: to[0]?.cluster ?? '', hash: kernelHash(means) ?? 'five-tuple', idleMs: idleTimeoutMs };
}

function tcpFindings({ to, hash, accessLogs }: TcpProxyConfig, clusters: Clusters): Findings {
  const findings = clusterFindings(to[0]?.cluster ?? '', clusters);
  if (to.length !== 1) findings.cannot.push('it shares its connections out among several clusters');
  if (to[0]?.subset !== undefined) findings.cannot.push('it chooses a subset of its cluster');
  if (hash?.type === 'text' && kernelHash(hash.means) === null) findings.cannot.push('its hash is made of a text');
  if (accessLogs.length > 0) findings.loses.push('access logs');
  return findings;
}

function planUdp(listener: ListenerConfig, chain: UdpChainConfig, clusters: Clusters): ListenerPlan | null {
  if (chain.datapath === 'user') return null;
  const { hash, idleTimeoutMs, perPacket, accessLogs, datapath } = chain;
  const plan = new PlanBuilder(listener.name, 'udp', [datapath]);
  const means = hash === null ? 'five-tuple' : hash.type === 'key' ? null : kernelHash(hash.type);
  if (perPacket) return plan.leave(['each datagram chooses anew']);
  if (means === null) return plan.leave(['its hash is made of a text']);
  for (const { sources, cluster } of chain.routes) {
    const target = { cluster, hash: means, idleMs: idleTimeoutMs };
    for (const source of sources.length === 0 ? [null] : sources) {
      const findings = clusterFindings(cluster, clusters);
      if (accessLogs.length > 0) findings.loses.push('access logs');
      plan.add(source, datapath, target, findings);
    }
  }
  return plan.done();
}

function kernelHash(means: string | null): KernelHash | null {
  return means === 'five-tuple' || means === 'source' || means === 'destination-port' ? means : null;
}

function clusterFindings(name: string, clusters: Clusters): Findings {
  const findings: Findings = { cannot: [], loses: [] };
  const cluster = clusters.get(name);
  if (cluster === undefined) return findings;
  const { balance, proxyHeader, outlierDetection, breakers, endpoints } = cluster;
  const { cannot, loses } = findings;
  if (balance.policy.type !== 'maglev') cannot.push(`cluster ${name} balances by ${balance.policy.type}, not maglev`);
  else if (balance.policy.boundedLoadPercent > 0) loses.push(`the bounded load of cluster ${name}`);
  if (balance.subsets !== null) cannot.push(`cluster ${name} has subsets`);
  if (proxyHeader !== null) cannot.push(`the endpoints of cluster ${name} get PROXY headers`);
  if (endpoints.some(({ address }) => net.isIP(address) === 0 || address.includes('%'))) {
    cannot.push(`cluster ${name} has endpoints without a plain address`);
  }
  const kinds = new Set(endpoints.map(({ address }) => `${isLoopback(address)} ${net.isIP(address)}`));
  if (kinds.size > 1) cannot.push(`cluster ${name} has IPv4 and IPv6, or loopback and other, endpoints side by side`);
  if (outlierDetection !== null) loses.push(`outlier detection of cluster ${name}`);
  if (Number.isFinite(breakers.connectionsPerEndpoint)) {
    loses.push(`the bound on connections to an endpoint of cluster ${name}`);
  }
  return findings;
}

/** Only reached from the machine itself. */
export function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}

class PlanBuilder {
  readonly #name: string;
  readonly #protocol: ListenerPlan['protocol'];
  readonly #insisted: boolean;
  readonly #ways: Way[] = [];
  readonly #reasons = new Set<string>();
  readonly #lost = new Set<string>();

  constructor(name: string, protocol: ListenerPlan['protocol'], asked: readonly Datapath[]) {
    this.#name = name;
    this.#protocol = protocol;
    this.#insisted = asked.includes('kernel');
  }

  add(source: string | null, datapath: Datapath, to: Target, { cannot, loses }: Findings): void {
    const stays = datapath === 'user' || cannot.length > 0 || (datapath === 'auto' && loses.length > 0);
    this.#ways.push({ source, to: stays ? null : to });
    if (datapath === 'user') return;
    for (const one of cannot) this.#reasons.add(one);
    if (datapath === 'kernel') for (const one of loses) this.#lost.add(one);
    else for (const one of loses) this.#reasons.add(`the kernel has no ${one.replace(/^the /, '')}`);
  }

  /** All of it to user space. */
  leave(reasons: readonly string[]): ListenerPlan {
    this.#ways.length = 0;
    for (const one of reasons) this.#reasons.add(one);
    return this.done();
  }

  done(): ListenerPlan {
    const ways = this.#ways.some(({ to }) => to !== null) ? this.#ways : [];
    return {
      ...{ name: this.#name, protocol: this.#protocol, insisted: this.#insisted, ways },
      ...{ reasons: [...this.#reasons], lost: ways.length === 0 ? [] : [...this.#lost] },
    };
  }
}
