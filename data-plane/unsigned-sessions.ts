/** Routes whose sessions are to be signed by a node that has no key: clients are bound nowhere, and somebody has to know. */
import type { ProxyConfig } from './model/config.ts';

/** Names of routes with signed sessions, so many at most. */
function signedRoutes({ listeners }: ProxyConfig, most: number): string[] {
  const names = new Set<string>();
  for (const { chain } of listeners.values()) {
    if (chain.type !== 'http') continue;
    for (const { routes } of chain.routes.hosts) {
      for (const { name, stickySession } of routes) {
        if (stickySession === null || stickySession === 'none' || !stickySession.signed) continue;
        names.add(name);
        if (names.size === most) return [...names];
      }
    }
  }
  return [...names];
}

const mostNamed = 5;

/** Looks at each configuration, and reports when such routes come first, or come again. @param hasKey it can sign */
export function watchUnsignedSessions(hasKey: boolean, report: (message: string) => void) {
  let reported = false;
  return (config: ProxyConfig): void => {
    if (hasKey) return;
    const routes = signedRoutes(config, mostNamed);
    if (routes.length > 0 && !reported) {
      report(
        `nobody stays on an endpoint by routes ${routes.join(', ')}: their sessions are signed; set FAIRLEAD_SESSION_KEY`,
      );
    }
    reported = routes.length > 0;
  };
}
