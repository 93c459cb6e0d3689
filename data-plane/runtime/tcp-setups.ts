/** A listener's TCP proxies, compiled: which serves whom, and what each counts and logs. */
import { ChainMatcher } from '../listener/chain-match.ts';
import { ProxyRules } from '../listener/proxy-rules.ts';
import type { TcpService, TcpSetup } from '../listener/tcp-listener.ts';
import type { ProxyProtocolConfig, TcpListenerConfig, TcpProxyConfig } from '../model/config.ts';
import { openAccessLoggers } from '../telemetry/access-loggers.ts';
import type { LogSinks } from '../telemetry/log-sink.ts';
import type { StatsRegistry } from '../telemetry/registry.ts';
import { tcpStats } from '../telemetry/stats.ts';

export function compileTcp(
  { chains, otherwise, inspectTls, inspectTimeoutMs }: TcpListenerConfig,
  proxyProtocol: ProxyProtocolConfig | null,
  registry: StatsRegistry,
  sinks: LogSinks,
  random: () => number,
): TcpSetup {
  const closings: (() => void)[] = [];
  const serviceOf = (proxy: TcpProxyConfig): TcpService => {
    const stats = tcpStats(registry, proxy.statPrefix);
    const logs = openAccessLoggers(proxy.accessLogs, sinks, random);
    closings.push(() => {
      stats.scope.drop();
      void logs.close();
    });
    return { proxy, stats, logs: logs.loggers };
  };
  return {
    chains: new ChainMatcher(
      chains.map(({ match, proxy }) => ({ match, chain: serviceOf(proxy) })),
      otherwise === null ? null : serviceOf(otherwise),
    ),
    ...{ inspectTls, inspectTimeoutMs },
    proxyProtocol: proxyProtocol === null ? null : new ProxyRules(proxyProtocol),
    close: () => {
      for (const close of closings) close();
    },
  };
}
