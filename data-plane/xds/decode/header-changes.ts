/** Headers that an envoy.config.route.v3.Route removes and adds. */
import type { VirtualHost } from '../../../proto/envoy.ts';
import type { HeaderChangesConfig, RouteConfig } from '../../model/config.ts';
import { type LogSegment, parseLogFormat } from '../../model/log-format.ts';
import { checkFields, fieldTable } from './fields.ts';
import { type Place, unsupported } from './problems.ts';

type Route = NonNullable<VirtualHost['routes']>[number];
type Option = NonNullable<Route['request_headers_to_add']>[number];

const optionFields = fieldTable('envoy.config.core.v3.HeaderValueOption', {
  carried: ['header', 'append_action'],
});
const headerFields = fieldTable('envoy.config.core.v3.HeaderValue', { carried: ['key', 'value'] });

/** To change them would smuggle requests or hang them; and what the proxy itself says. */
const reserved =
  /^(?:host|:.*|content-length|transfer-encoding|connection|te|trailer|upgrade|keep-alive|expect|http2-settings|proxy|proxy-.*|x-envoy-.*|x-forwarded-.*|x-request-id|server|date)$/;

export function readHeaderChanges(
  place: Place,
  message: Route,
): Pick<RouteConfig, 'requestHeaders' | 'responseHeaders'> {
  return {
    requestHeaders: readChanges(place, 'request', message.request_headers_to_remove, message.request_headers_to_add),
    responseHeaders: readChanges(
      place,
      'response',
      message.response_headers_to_remove,
      message.response_headers_to_add,
    ),
  };
}

function readChanges(
  place: Place,
  of: 'request' | 'response',
  remove: readonly string[] = [],
  add: readonly Option[] = [],
): HeaderChangesConfig | null {
  if (remove.length + add.length === 0) return null;
  return {
    remove: remove.map((name, index) => readName(place.item(`${of}_headers_to_remove`, index), name)),
    add: add.map((option, index) => readOption(place.item(`${of}_headers_to_add`, index), option)),
  };
}

function readOption(place: Place, option: Option): HeaderChangesConfig['add'][number] {
  checkFields(place, option, optionFields);
  const at = place.field('header');
  const { key = '', value = '' } = option.header ?? {};
  if (option.header) checkFields(at, option.header, headerFields);
  const action = String(option.append_action ?? 'APPEND_IF_EXISTS_OR_ADD');
  if (action !== 'APPEND_IF_EXISTS_OR_ADD' && action !== 'OVERWRITE_IF_EXISTS_OR_ADD') {
    place.field('append_action').refuse(`${action} is ${unsupported}`);
  }
  const name = readName(at.field('key'), key);
  return { name, value: readValue(at.field('value'), value), replace: action === 'OVERWRITE_IF_EXISTS_OR_ADD' };
}

function readName(place: Place, written: string): string {
  const name = written.toLowerCase();
  if (!/^[!#$%&'*+.^`|~0-9a-z_-]+$/.test(name) && !name.startsWith(':')) place.refuse('must be the name of a header');
  else if (reserved.test(name)) place.refuse(`to change ${name} is ${unsupported}`);
  return name;
}

function readValue(place: Place, text: string): readonly LogSegment[] {
  if (/[^\x20-\x7e\t]/.test(text)) place.refuse('must hold visible ASCII characters alone');
  const parsed = parseLogFormat(text);
  if (!parsed.ok) {
    place.refuse(parsed.message);
    return [];
  }
  for (const segment of parsed.value) {
    const fault = segmentFault(segment);
    if (fault !== undefined) place.refuse(`${fault} is ${unsupported}`);
  }
  return parsed.value;
}

const known: readonly string[] = ['DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT', 'PROTOCOL', 'ROUTE_NAME'];

function segmentFault(segment: LogSegment): string | undefined {
  if (segment.type === 'plain') return known.includes(segment.operator) ? undefined : `%${segment.operator}%`;
  if (segment.type === 'upstream-service-time') return '%RESP(...)%';
  if (segment.type === 'proxy-tlv') return '%DYNAMIC_METADATA(...)%';
  if (segment.type === 'text') return undefined;
  // these are not as they came: the proxy writes them
  const own = [segment.name, segment.fallback ?? ''].find((name) => reserved.test(name));
  return own === undefined ? undefined : `%REQ(${own})%`;
}
