/** `/config_dump`: the accepted resources in Envoy's shape, as proto3 JSON, one resource a piece. */
import { toJson } from '../../proto/codec.ts';
import type { AdminParts, DumpedResource, DumpedType, RawResource } from './parts.ts';

interface Section {
  readonly type: DumpedType;
  readonly message: string;
  /** The field that holds the entries. */
  readonly list: string;
  readonly entry: (version: string, updated: string, resource: unknown, name: string) => unknown;
}

const sections: readonly Section[] = [
  {
    type: 'clusters',
    message: 'ClustersConfigDump',
    list: 'dynamic_active_clusters',
    entry: (version_info, last_updated, cluster) => ({ version_info, cluster, last_updated }),
  },
  {
    type: 'endpoints',
    message: 'EndpointsConfigDump',
    list: 'dynamic_endpoint_configs',
    entry: (version_info, last_updated, endpoint_config) => ({ version_info, endpoint_config, last_updated }),
  },
  {
    type: 'listeners',
    message: 'ListenersConfigDump',
    list: 'dynamic_listeners',
    entry: (version_info, last_updated, listener, name) => ({
      name,
      active_state: { version_info, listener, last_updated },
    }),
  },
  {
    type: 'routes',
    message: 'RoutesConfigDump',
    list: 'dynamic_route_configs',
    entry: (version_info, last_updated, route_config) => ({ version_info, route_config, last_updated }),
  },
  {
    type: 'secrets',
    message: 'SecretsConfigDump',
    list: 'dynamic_active_secrets',
    entry: (version_info, last_updated, secret, name) => ({ name, version_info, last_updated, secret }),
  },
];

/** Endpoints are left out unless asked for, as in Envoy. */
export function* configDump(parts: AdminParts, includeEndpoints: boolean): Iterable<string> {
  const dump = parts.dump();
  yield `{"configs":[\n${JSON.stringify(bootstrap(parts))}`;
  for (const section of sections) {
    if (section.type === 'endpoints' && !includeEndpoints) continue;
    yield `,\n{"@type":"type.googleapis.com/envoy.admin.v3.${section.message}","${section.list}":[`;
    let separator = '\n';
    for (const dumped of dump[section.type]) {
      yield separator + JSON.stringify(entryOf(section, dumped));
      separator = ',\n';
    }
    yield ']}';
  }
  yield '\n]}\n';
}

function bootstrap({ id, group, version }: AdminParts): unknown {
  return {
    '@type': 'type.googleapis.com/envoy.admin.v3.BootstrapConfigDump',
    bootstrap: { node: { id, cluster: group, user_agent_name: 'fairlead', user_agent_version: version } },
  };
}

function entryOf(section: Section, dumped: DumpedResource): unknown {
  const { name, version_info, last_updated, resource, hosts = [] } = dumped;
  const json = hosts.length === 0 ? toJson(resource) : withHosts(toJson(resource), hosts);
  return section.entry(version_info, new Date(last_updated).toISOString(), json, name);
}

/** A route configuration as it works, as in Envoy: the hosts that came on their own stand behind those inside it. */
function withHosts(routes: unknown, hosts: readonly RawResource[]): unknown {
  const { virtual_hosts: inside = [] } = routes as { virtual_hosts?: unknown[] };
  const further = hosts.map((host) => {
    const { '@type': _, ...message } = toJson(host) as Record<string, unknown>;
    return message;
  });
  return { ...(routes as object), virtual_hosts: [...inside, ...further] };
}
