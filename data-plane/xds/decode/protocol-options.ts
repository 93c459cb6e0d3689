/** How a cluster is spoken to: envoy.extensions.upstreams.http.v3.HttpProtocolOptions and its older forms. */
import type { Cluster, HttpProtocolOptions } from '../../../proto/envoy.ts';
import type { ClusterConfig } from '../../model/config.ts';
import { checkFields, fieldTable } from './fields.ts';
import { unpackAny } from './messages.ts';
import { type Place, unsupported } from './problems.ts';
import { millis, uint32 } from './values.ts';

const optionsName = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

const optionsFields = fieldTable(optionsName, {
  carried: ['common_http_protocol_options', 'explicit_http_config'],
});
const explicitFields = fieldTable(`${optionsName}.ExplicitHttpConfig`, { carried: ['http_protocol_options'] });
const commonFields = fieldTable('envoy.config.core.v3.HttpProtocolOptions', {
  carried: ['idle_timeout', 'max_requests_per_connection'],
  ignored: ['headers_with_underscores_action'], // about requests that come in, not about those that go out
});
const http1Fields = fieldTable('envoy.config.core.v3.Http1ProtocolOptions', {
  ignored: ['use_balsa_parser', 'default_host_for_http_10'],
  only: { allow_absolute_url: [true], override_stream_error_on_invalid_http_message: [false] },
});

export function checkHttp1Options(place: Place, options: Cluster['http_protocol_options']): void {
  checkFields(place, options ?? {}, http1Fields);
}

type KeepAlive = ClusterConfig['keepAlive'];

export interface ProtocolResource {
  readonly protocol: ClusterConfig['protocol'];
  readonly keepAlive: KeepAlive;
}

/** A cluster that says nothing of HTTP is taken for TCP. */
export function readProtocol(place: Place, cluster: Cluster): ProtocolResource {
  const extensions = cluster.typed_extension_protocol_options ?? {};
  for (const key of Object.keys(extensions)) {
    if (key !== optionsName) place.entry('typed_extension_protocol_options', key).refuse(unsupported);
  }
  if (extensions[optionsName] !== undefined) {
    const at = place.entry('typed_extension_protocol_options', optionsName);
    const options = unpackAny(at, optionsName, extensions[optionsName]);
    return { protocol: 'http1', keepAlive: readOptions(at, options ?? {}) };
  }
  checkHttp1Options(place.field('http_protocol_options'), cluster.http_protocol_options);
  const spoken = cluster.http_protocol_options ?? cluster.common_http_protocol_options;
  const keepAlive = readCommon(place.field('common_http_protocol_options'), cluster.common_http_protocol_options);
  return {
    protocol: spoken === null || spoken === undefined ? 'tcp' : 'http1',
    keepAlive: { ...keepAlive, maxRequests: uint32(cluster.max_requests_per_connection, keepAlive.maxRequests) },
  };
}

function readOptions(place: Place, options: HttpProtocolOptions): KeepAlive {
  checkFields(place, options, optionsFields);
  const explicit = options.explicit_http_config;
  const at = place.field('explicit_http_config');
  checkFields(at, explicit ?? {}, explicitFields);
  if (explicit === null || explicit === undefined || Object.keys(explicit).length === 0) {
    at.refuse('must say http_protocol_options');
  }
  checkHttp1Options(at.field('http_protocol_options'), explicit?.http_protocol_options);
  return readCommon(place.field('common_http_protocol_options'), options.common_http_protocol_options);
}

function readCommon(place: Place, common: Cluster['common_http_protocol_options']): KeepAlive {
  checkFields(place, common ?? {}, commonFields);
  return {
    idleTimeoutMs: millis(place.field('idle_timeout'), common?.idle_timeout, 3_600_000),
    maxRequests: uint32(common?.max_requests_per_connection, 0),
  };
}
