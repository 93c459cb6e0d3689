/** Which fields of a Listener go with what it speaks. */
import type { ListenerSpec } from '../specs.ts';
import type { FieldFault } from './fields.ts';

type Limits = ListenerSpec['limits'];
type Written = Readonly<Record<string, unknown>>;

/** What reads no requests, and what each is called in a sentence. */
const withoutRequests: Readonly<Record<string, string>> = {
  tcp: 'A tcp listener',
  'tls-passthrough': 'A tls-passthrough listener',
  udp: 'A udp listener',
};

/** `defaults`: limits that are said by default. */
export function fitsProtocol({ protocol, ...others }: Written, defaults: Limits): FieldFault | undefined {
  if (protocol === 'https' && others['tls'] === undefined) {
    const remedy = 'Write `tls: { certificates: [NAME] }`, the name of a Secret, or `protocol: http`.';
    return { field: 'tls', code: 'missing-field', detail: '`tls` is missing: https needs a certificate.', remedy };
  }
  if (protocol !== 'https' && others['tls'] !== undefined) {
    const why = protocol === 'tls-passthrough' ? ': here TLS ends at the endpoints' : '';
    const detail = `Only a listener of \`protocol: https\` has \`tls\`${why}.`;
    return { field: 'tls', detail, remedy: 'Take it out, or write `protocol: https`.' };
  }
  if (protocol === 'api') return fitsApi(others);
  if (others['port'] === undefined) {
    const remedy = 'Write a whole number from 0 to 65535.';
    return { field: 'port', code: 'missing-field', detail: '`port` is missing.', remedy };
  }
  if (protocol === 'udp' && others['proxyProtocol'] !== undefined) {
    const detail = 'A udp listener has no `proxyProtocol`: its header stands at the head of a connection.';
    return { field: 'proxyProtocol', detail, remedy: 'Take it out.' };
  }
  const who = withoutRequests[String(protocol)];
  return who === undefined ? undefined : fitsConnections(who, others, defaults);
}

const notOfApi = ['address', 'port', 'accessLog', 'paths', 'limits', 'trustedHops', 'filters', 'proxyProtocol'];

function fitsApi(others: Written): FieldFault | undefined {
  const field = notOfApi.find((name) => others[name] !== undefined);
  if (field === undefined) return undefined;
  const detail = `An api listener has no \`${field}\`: it is no socket, gRPC's own clients only ask for its routes.`;
  return { field, detail, remedy: 'Take it out, or write `protocol: http`.' };
}

function fitsConnections(who: string, others: Written, defaults: Limits): FieldFault | undefined {
  const limits = others['limits'] as Limits | undefined;
  const limit = (Object.keys(defaults) as (keyof Limits)[]).find(
    (name) => name !== 'connections' && limits !== undefined && limits[name] !== defaults[name],
  );
  const other = ['paths', 'trustedHops', 'filters'].find((name) => others[name] !== undefined);
  if (other === undefined && limit === undefined) return undefined;
  const [field, what] = other === undefined ? ['limits', '`limits` but `connections`'] : [other, `\`${other}\``];
  const detail = `${who} has no ${what}: it reads no requests.`;
  return { field, detail, remedy: 'Take it out, or write `protocol: http`.' };
}
