/** Access logs: one JSON object a request or connection, in Envoy's format language, so that every node writes alike. */
import { packAny } from '../../proto/codec.ts';
import { requestUniqueId } from '../../proto/l4.ts';
import type { ListenerSpec } from '../model/specs.ts';
import { fractionOf } from './route-match.ts';

const sharedFields = {
  start_time: '%START_TIME%',
  duration_ms: '%DURATION%',
  flags: '%RESPONSE_FLAGS%',
  bytes_received: '%BYTES_RECEIVED%',
  bytes_sent: '%BYTES_SENT%',
  upstream_host: '%UPSTREAM_HOST%',
  upstream_cluster: '%UPSTREAM_CLUSTER%',
  client: '%DOWNSTREAM_REMOTE_ADDRESS%',
};

export const httpLogFields: Readonly<Record<string, string>> = {
  ...sharedFields,
  method: '%REQ(:METHOD)%',
  path: '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%',
  authority: '%REQ(:AUTHORITY)%',
  protocol: '%PROTOCOL%',
  status: '%RESPONSE_CODE%',
  details: '%RESPONSE_CODE_DETAILS%',
  upstream_service_ms: '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%',
  route: '%ROUTE_NAME%',
  request_id: '%REQ(X-REQUEST-ID)%',
  user_agent: '%REQ(USER-AGENT)%',
};

/** Behind proxies that send PROXY headers, with the name that these gave the connection: theirs is logged under it too. */
export function httpLogFieldsOf({ proxyProtocol }: ListenerSpec): Readonly<Record<string, string>> {
  return proxyProtocol === null ? httpLogFields : { ...httpLogFields, unique_id: requestUniqueId };
}

/** Of UDP sessions; Envoy says nothing of their cluster there. */
export const udpLogFields: Readonly<Record<string, string>> = {
  ...sharedFields,
  listener_address: '%DOWNSTREAM_LOCAL_ADDRESS%',
};

/** `unique_id` stands in the PROXY v2 headers to endpoints. */
export const tcpLogFields: Readonly<Record<string, string>> = { ...udpLogFields, unique_id: '%STREAM_ID%' };

export const passthroughLogFields: Readonly<Record<string, string>> = {
  ...tcpLogFields,
  server_name: '%REQUESTED_SERVER_NAME%',
};

/**
 * Envoy AccessLog entries for a listener's `accessLog`: none or one. Standard streams are not written as a file
 * `/dev/stdout`: an Envoy whose stdout is a socket (systemd, many supervisors) cannot open that, and would refuse the
 * listener.
 */
export function accessLogs(log: ListenerSpec['accessLog'], fields: Readonly<Record<string, string>>) {
  if (log === null) return [];
  const jsonFields = Object.entries(fields).map(([name, stringValue]) => [name, { stringValue }]);
  const filter = sampleFilter(log.samplePercent);
  const format = { log_format: { json_format: { fields: Object.fromEntries(jsonFields) } } };
  switch (log.to) {
    case 'stdout': {
      const typed_config = packAny('envoy.extensions.access_loggers.stream.v3.StdoutAccessLog', format);
      return [{ name: 'envoy.access_loggers.stdout', ...filter, typed_config }];
    }
    case 'stderr': {
      const typed_config = packAny('envoy.extensions.access_loggers.stream.v3.StderrAccessLog', format);
      return [{ name: 'envoy.access_loggers.stderr', ...filter, typed_config }];
    }
    default: {
      const file = { path: log.to, ...format };
      const typed_config = packAny('envoy.extensions.access_loggers.file.v3.FileAccessLog', file);
      return [{ name: 'envoy.access_loggers.file', ...filter, typed_config }];
    }
  }
}

/** Envoy lets its operators change the share at run time under this key. */
const sampleKey = 'fairlead.access_log';

function sampleFilter(samplePercent: number) {
  if (samplePercent === 100) return {};
  return { filter: { runtime_filter: { runtime_key: sampleKey, percent_sampled: fractionOf(samplePercent) } } };
}
