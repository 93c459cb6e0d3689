/** How a cluster is spoken to: envoy.extensions.upstreams.http.v3.HttpProtocolOptions and its older forms. */
import type { Cluster, HttpProtocolOptions } from '../../../proto/envoy.ts';
import type { ClusterConfig, Http2Config, HttpChainConfig } from '../../model/config.ts';
import { checkFields, fieldTable } from './fields.ts';
import { unpackAny } from './messages.ts';
import { type Place, unsupported } from './problems.ts';
import { millis, uint32, uint32Within, wireText } from './values.ts';

const optionsName = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

const optionsFields = fieldTable(optionsName, {
  carried: ['common_http_protocol_options', 'explicit_http_config', 'use_downstream_protocol_config'],
});
const versions = ['http_protocol_options', 'http2_protocol_options'];
const explicitFields = fieldTable(`${optionsName}.ExplicitHttpConfig`, { carried: versions });
const downstreamFields = fieldTable(`${optionsName}.UseDownstreamHttpConfig`, { carried: versions });
const commonFields = fieldTable('envoy.config.core.v3.HttpProtocolOptions', {
  carried: ['idle_timeout', 'max_requests_per_connection'],
  ignored: ['headers_with_underscores_action'], // about requests that come in, not about those that go out
});
const http1Options = 'envoy.config.core.v3.Http1ProtocolOptions';
const http1Only = { allow_absolute_url: [true], override_stream_error_on_invalid_http_message: [false] };
const http1Fields = fieldTable(http1Options, {
  ignored: ['use_balsa_parser', 'default_host_for_http_10'],
  only: http1Only,
});
const http1ClientFields = fieldTable(http1Options, {
  carried: ['accept_http_10', 'default_host_for_http_10'],
  ignored: ['use_balsa_parser'],
  only: http1Only,
});

const http2Fields = fieldTable('envoy.config.core.v3.Http2ProtocolOptions', {
  carried: ['max_concurrent_streams', 'initial_stream_window_size', 'initial_connection_window_size'],
  // an endpoint is asked for a tunnel if it offers that, whatever `allow_connect` says
  ignored: ['use_oghttp2_codec', 'hpack_table_size', 'allow_connect'],
  only: { override_stream_error_on_invalid_http_message: [true] },
});

export function checkHttp1Options(place: Place, options: Cluster['http_protocol_options']): void {
  checkFields(place, options ?? {}, http1Fields);
}

/** How clients of HTTP/1 are spoken to. */
export function readHttp10(
  place: Place,
  options: Cluster['http_protocol_options'],
): HttpChainConfig['paths']['http10'] {
  checkFields(place, options ?? {}, http1ClientFields);
  if (!options?.accept_http_10) return null;
  return { host: wireText(place.field('default_host_for_http_10'), options.default_host_for_http_10 ?? '') };
}

type KeepAlive = Omit<ClusterConfig['keepAlive'], 'maxIdle'>;
type Http2Options = NonNullable<HttpProtocolOptions['explicit_http_config']>['http2_protocol_options'];

export interface ProtocolResource {
  readonly protocol: ClusterConfig['protocol'];
  readonly keepAlive: KeepAlive;
  readonly http2: Http2Config;
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
    return readOptions(at, options ?? {});
  }
  checkHttp1Options(place.field('http_protocol_options'), cluster.http_protocol_options);
  const http2 = cluster.http2_protocol_options;
  const spoken = cluster.http_protocol_options ?? cluster.common_http_protocol_options;
  const keepAlive = readCommon(place.field('common_http_protocol_options'), cluster.common_http_protocol_options);
  return {
    protocol: isSaid(http2) ? 'http2' : isSaid(spoken) ? 'http1' : 'tcp',
    keepAlive: { ...keepAlive, maxRequests: uint32(cluster.max_requests_per_connection, keepAlive.maxRequests) },
    http2: readHttp2(place.field('http2_protocol_options'), http2),
  };
}

function readOptions(place: Place, options: HttpProtocolOptions): ProtocolResource {
  checkFields(place, options, optionsFields);
  const asClient = options.use_downstream_protocol_config;
  const follows = isSaid(asClient);
  const at = place.field(follows ? 'use_downstream_protocol_config' : 'explicit_http_config');
  const said = asClient ?? options.explicit_http_config ?? {};
  checkFields(at, said, follows ? downstreamFields : explicitFields);
  if (!follows && Object.keys(said).length === 0) at.refuse('must say http_protocol_options or http2_protocol_options');
  checkHttp1Options(at.field('http_protocol_options'), said.http_protocol_options);
  return {
    protocol: follows ? 'same-as-client' : isSaid(said.http2_protocol_options) ? 'http2' : 'http1',
    keepAlive: readCommon(place.field('common_http_protocol_options'), options.common_http_protocol_options),
    http2: readHttp2(at.field('http2_protocol_options'), said.http2_protocol_options),
  };
}

function isSaid<T>(message: T | null | undefined): message is T {
  return message !== null && message !== undefined;
}

/**
 * Where nothing is said: a stream's window as Envoy's edge page advises, and a connection's for that many streams, so
 * that slow clients of some do not stop the others.
 */
function readHttp2(place: Place, options: Http2Options): Http2Config {
  checkFields(place, options ?? {}, http2Fields);
  const window = (name: 'initial_stream_window_size' | 'initial_connection_window_size', fallback: number): number =>
    uint32Within(place.field(name), options?.[name], fallback, 65_535, 2 ** 31 - 1);
  return {
    maxStreams: uint32Within(
      place.field('max_concurrent_streams'),
      options?.max_concurrent_streams,
      1_024,
      1,
      2 ** 31 - 1,
    ),
    streamWindowBytes: window('initial_stream_window_size', 64 * 1024),
    connectionWindowBytes: window('initial_connection_window_size', 1_024 * 64 * 1024),
  };
}

function readCommon(place: Place, common: Cluster['common_http_protocol_options']): KeepAlive {
  checkFields(place, common ?? {}, commonFields);
  return {
    idleTimeoutMs: millis(place.field('idle_timeout'), common?.idle_timeout, 3_600_000),
    maxRequests: uint32(common?.max_requests_per_connection, 0),
  };
}
