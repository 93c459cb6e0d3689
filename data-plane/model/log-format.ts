/** Envoy's access log format language: text with %OPERATORS%, `%%` for a percent sign. */

/** Envoy's format where a configuration names none. */
export const defaultLogFormat =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ' +
  '%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" ' +
  '"%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"\n';

/** The operators without arguments. */
const plainOperators = [
  'START_TIME',
  'PROTOCOL',
  'RESPONSE_CODE',
  'RESPONSE_FLAGS',
  'RESPONSE_CODE_DETAILS',
  'GRPC_STATUS',
  'GRPC_STATUS_NUMBER',
  'BYTES_RECEIVED',
  'BYTES_SENT',
  'DURATION',
  'UPSTREAM_HOST',
  'UPSTREAM_CLUSTER',
  'ROUTE_NAME',
  'DOWNSTREAM_REMOTE_ADDRESS',
  'DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT',
  'DOWNSTREAM_DIRECT_REMOTE_ADDRESS',
  'DOWNSTREAM_LOCAL_ADDRESS',
  'DOWNSTREAM_LOCAL_PORT',
  'REQUESTED_SERVER_NAME',
  'STREAM_ID',
] as const;

/** The one namespace of dynamic metadata that is read: what is kept of PROXY headers. */
const metadataNamespace = 'envoy.filters.listener.proxy_protocol';

export type PlainOperator = (typeof plainOperators)[number];

export type LogSegment =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'plain'; readonly operator: PlainOperator }
  | {
      /** A request header, or another one where the first is absent; lower-case, `:method`, `:path`, `:authority` too. */
      readonly type: 'request-header';
      readonly name: string;
      readonly fallback: string | null;
      /** Characters kept; `null`: all. */
      readonly maxLength: number | null;
    }
  /** %DYNAMIC_METADATA(envoy.filters.listener.proxy_protocol:NAME)%, %FILTER_STATE(envoy.network.proxy_protocol.tlv:FIELD:NAME)% */
  | { readonly type: 'proxy-tlv'; readonly name: string; readonly maxLength: number | null }
  /** %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% */
  | { readonly type: 'upstream-service-time' };

export type ParsedLogFormat =
  | { readonly ok: true; readonly value: readonly LogSegment[] }
  | { readonly ok: false; readonly message: string };

const operatorPattern = /%([A-Z][A-Z0-9_]*)(?:\(([^)%]*)\))?(?::([0-9]{1,6}))?%/y;
const headerNamePattern = /^:?[A-Za-z0-9!#$&'*+.^_`|~-]+$/;
const requestPseudoHeaders: readonly string[] = [':method', ':path', ':authority'];

/** Adjacent texts come as one segment; an empty format gives none. */
export function parseLogFormat(format: string): ParsedLogFormat {
  const segments: LogSegment[] = [];
  let text = '';
  let at = 0;
  while (at < format.length) {
    const percent = format.indexOf('%', at);
    if (percent < 0) break;
    text += format.slice(at, percent);
    if (format[percent + 1] === '%') {
      text += '%';
      at = percent + 2;
      continue;
    }
    operatorPattern.lastIndex = percent;
    const found = operatorPattern.exec(format);
    if (found === null) {
      return refuse(`lone "%" at character ${percent + 1}: write %% for a percent sign, %OPERATOR% for an operator`);
    }
    const segment = parseOperator(found[0], found[1]!, found[2], found[3]);
    if (typeof segment === 'string') return refuse(segment);
    if (text !== '') segments.push({ type: 'text', text });
    text = '';
    segments.push(segment);
    at = operatorPattern.lastIndex;
  }
  text += format.slice(at);
  if (text !== '') segments.push({ type: 'text', text });
  return { ok: true, value: segments };
}

function refuse(message: string): ParsedLogFormat {
  return { ok: false, message };
}

/** The segment, or what is wrong. */
function parseOperator(
  whole: string,
  name: string,
  argument: string | undefined,
  length: string | undefined,
): LogSegment | string {
  if (name === 'REQ') return parseRequestHeader(whole, argument, length);
  if (name === 'RESP') {
    if (argument?.toUpperCase() !== 'X-ENVOY-UPSTREAM-SERVICE-TIME') {
      return `${whole} is not supported: of the response headers only X-ENVOY-UPSTREAM-SERVICE-TIME is logged`;
    }
    return length === undefined ? { type: 'upstream-service-time' } : `${whole}: ${noLength}`;
  }
  if (name === 'DYNAMIC_METADATA') return parseMetadata(whole, argument ?? '', length);
  if (name === 'FILTER_STATE') return parseFilterState(whole, argument ?? '', length);
  const operator = plainOperators.find((one) => one === name);
  if (operator === undefined) {
    return `${whole} is not a known operator: use one of ${plainOperators.join(', ')}, REQ(…), RESP(X-ENVOY-UPSTREAM-SERVICE-TIME), DYNAMIC_METADATA(${metadataNamespace}:…), FILTER_STATE(${filterStateField}…)`;
  }
  if (argument !== undefined) return `${whole} is not supported with an argument: write %${name}%`;
  if (length !== undefined) return `${whole}: ${noLength}`;
  return { type: 'plain', operator };
}

const noLength = 'a length is only for %REQ(…)%, %DYNAMIC_METADATA(…)% and %FILTER_STATE(…)%';

function parseMetadata(whole: string, argument: string, length: string | undefined): LogSegment | string {
  const [namespace, name = '', ...deeper] = argument.split(':');
  if (namespace !== metadataNamespace || name === '' || deeper.length > 0) {
    return `${whole} is not supported: write %DYNAMIC_METADATA(${metadataNamespace}:NAME)% with the name of a TLV`;
  }
  return { type: 'proxy-tlv', name, maxLength: maxLengthOf(length) };
}

/** Where Envoy keeps the same for logs of requests. */
const filterStateField = 'envoy.network.proxy_protocol.tlv:FIELD:';

function parseFilterState(whole: string, argument: string, length: string | undefined): LogSegment | string {
  const name = argument.startsWith(filterStateField) ? argument.slice(filterStateField.length) : '';
  if (name === '' || name.includes(':')) {
    return `${whole} is not supported: write %FILTER_STATE(${filterStateField}NAME)% with the name of a TLV`;
  }
  return { type: 'proxy-tlv', name, maxLength: maxLengthOf(length) };
}

function maxLengthOf(length: string | undefined): number | null {
  return length === undefined ? null : Number(length);
}

function parseRequestHeader(
  whole: string,
  argument: string | undefined,
  length: string | undefined,
): LogSegment | string {
  const names = (argument ?? '').toLowerCase().split('?');
  if (names.length > 2 || !names.every((name) => headerNamePattern.test(name))) {
    return `${whole}: write %REQ(HEADER)% or %REQ(HEADER?OTHER)%, with :N behind the bracket for at most N characters`;
  }
  const unknown = names.find((name) => name.startsWith(':') && !requestPseudoHeaders.includes(name));
  if (unknown !== undefined) return `${whole}: ${unknown} is not logged, only ${requestPseudoHeaders.join(', ')}`;
  return {
    type: 'request-header',
    name: names[0]!,
    fallback: names[1] ?? null,
    maxLength: maxLengthOf(length),
  };
}
