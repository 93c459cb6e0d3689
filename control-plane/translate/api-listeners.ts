/**
 * Listeners of `protocol: api` to what gRPC's own xDS clients ask for: for each exact host a Listener of that very name,
 * its routes inline. https://github.com/grpc/proposal, A27 and A28, say what they understand.
 */
import { durationOf, packAny } from '../../proto/codec.ts';
import type { Listener, RouteConfiguration } from '../../proto/envoy.ts';
import { resourceName } from '../../proto/names.ts';
import type { DocumentSet } from '../model/document-set.ts';
import { orderRoutes } from '../model/order.ts';
import type { RouteSpec, Typed } from '../model/specs.ts';
import { hashPolicies } from './hash-policies.ts';
import { Memo } from './memo.ts';
import { compareText, type Findings, type GroupResource, keyOf } from './resources.ts';
import { effectiveAttempts, grpcRetryPolicy } from './retry-policy.ts';
import { headerMatchers, type RouteMatch } from './route-match.ts';
import { effectiveTimeoutMs, targetOf } from './routes.ts';

type Route = NonNullable<NonNullable<RouteConfiguration['virtual_hosts']>[number]['routes']>[number];

interface HostListener {
  readonly routes: readonly (readonly Route[])[];
  readonly message: Listener;
}

const routeMessages = new Memo<Typed<'Route'>, readonly Route[]>();
/** What was made of each listener document the last time, by host. */
const made = new WeakMap<Typed<'Listener'>, ReadonlyMap<string, HostListener>>();

/**
 * One resource for each exact host of `attached`, in name order. `source`: the document that stands for them all.
 * `taken`: names of this group's other listeners, which a host cannot have as well.
 */
export function apiListeners(
  documents: DocumentSet,
  source: Typed<'Listener'>,
  attached: Iterable<Typed<'Route'>>,
  taken: ReadonlySet<string>,
  findings: Findings,
): GroupResource<'listeners'>[] {
  const routesByHost = new Map<string, (readonly Route[])[]>();
  for (const route of orderRoutes([...attached])) {
    const messages = messagesOf(route, effectiveTimeoutMs(documents, route), effectiveAttempts(documents, route));
    for (const host of route.spec.hosts) {
      if (host.includes('*')) {
        findings.note(route.document, `gRPC's own clients resolve exact hosts alone; ${host} is not served to them`);
      } else if (taken.has(host)) {
        findings.note(
          route.document,
          `the host ${host} is called like a listener of the group; it is not served to gRPC`,
        );
      } else {
        const routes = routesByHost.get(host) ?? [];
        routesByHost.set(host, routes);
        routes.push(messages);
      }
    }
  }
  const before = made.get(source);
  const now = new Map<string, HostListener>();
  for (const [host, routes] of routesByHost) {
    const known = before?.get(host);
    const same =
      known?.routes.length === routes.length && known.routes.every((route, index) => route === routes[index]);
    now.set(host, same ? known : { routes, message: hostListener(host, routes.flat()) });
  }
  made.set(source, now);
  return [...now]
    .toSorted(([a], [b]) => compareText(a, b))
    .map(([name, { message }]) => ({ name, message, source: keyOf(source.document), byName: true }));
}

function hostListener(host: string, routes: readonly Route[]): Listener {
  const manager = packAny('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
    stat_prefix: host,
    route_config: {
      name: host,
      virtual_hosts: [{ name: host, domains: [host], routes: [...routes] }],
    },
    http_filters: [
      {
        name: 'envoy.filters.http.router',
        typed_config: packAny('envoy.extensions.filters.http.router.v3.Router', {}),
      },
    ],
  });
  return { name: host, api_listener: { api_listener: manager } };
}

function messagesOf(route: Typed<'Route'>, timeoutMs: number, attempts: number): readonly Route[] {
  return routeMessages.get(route, [timeoutMs, attempts], () => {
    const { match, to, affinity } = route.spec;
    return pathsOf(match.path).map((path) => ({
      name: resourceName(route.document.tenant, route.document.name),
      match: {
        ...path,
        ...(match.ignoreCase && { case_sensitive: { value: false } }),
        // every gRPC request is a POST, which these clients do not compare; the model takes no other method here
        headers: headerMatchers(match.headers),
      },
      route: {
        ...targetOf(to),
        // they know headers, and the model takes no other key here
        ...hashPolicies(affinity),
        timeout: durationOf(timeoutMs),
        ...grpcRetryPolicy(route.spec, attempts),
        // the one that gRPC's clients keep to
        ...(timeoutMs > 0 && { max_stream_duration: { max_stream_duration: durationOf(timeoutMs) } }),
      },
    }));
  });
}

/** gRPC's clients have no prefix by segments: the path itself, and all that is below it. */
function pathsOf({ type, value }: RouteSpec['match']['path']): RouteMatch[] {
  if (type === 'exact') return [{ path: value }];
  if (type === 'rawPrefix') return [{ prefix: value }];
  const segments = value.replace(/\/+$/, '');
  return segments === '' ? [{ prefix: '/' }] : [{ path: segments }, { prefix: `${segments}/` }];
}
