import { expect, test } from 'vitest';
import { contentHash, decode, durationMs, durationOf, encode, packAny, toJson } from './codec.ts';

const cluster = {
  name: 'checkout/orders',
  type: 'EDS' as const,
  connect_timeout: durationOf(250),
  metadata: { filter_metadata: { b: { fields: { x: { stringValue: '' } } }, a: { fields: {} } } } as never,
};

test('a message survives the round trip, and only set fields come back', () => {
  const back = decode('envoy.config.cluster.v3.Cluster', encode('envoy.config.cluster.v3.Cluster', cluster));
  expect(back).toMatchObject({ name: 'checkout/orders', type: 'EDS' });
  expect(durationMs(back.connect_timeout ?? {})).toBe(250);
  expect(Object.keys(back).sort()).toEqual(['connect_timeout', 'metadata', 'name', 'type']);
});

test('equal maps in another order give equal bytes', () => {
  const turned = {
    ...cluster,
    metadata: { filter_metadata: { a: { fields: {} }, b: { fields: { x: { stringValue: '' } } } } } as never,
  };
  const one = encode('envoy.config.cluster.v3.Cluster', cluster);
  const two = encode('envoy.config.cluster.v3.Cluster', turned);
  expect(contentHash(one)).toBe(contentHash(two));
});

test('proto3 JSON has proto field names, durations as strings, and Any unpacked', () => {
  const any = packAny('envoy.config.listener.v3.Listener', {
    name: 'public',
    filter_chains: [
      {
        filters: [
          {
            name: 'envoy.filters.network.tcp_proxy',
            typed_config: packAny('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', {
              stat_prefix: 'redis',
              cluster: 'redis',
              idle_timeout: durationOf(1500),
            }) as never,
          },
        ],
      },
    ],
  });
  expect(toJson(any)).toEqual({
    '@type': 'type.googleapis.com/envoy.config.listener.v3.Listener',
    name: 'public',
    filter_chains: [
      {
        filters: [
          {
            name: 'envoy.filters.network.tcp_proxy',
            typed_config: {
              '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
              stat_prefix: 'redis',
              cluster: 'redis',
              idle_timeout: '1.500s',
            },
          },
        ],
      },
    ],
  });
});

test('a Struct becomes the plain JSON that it stands for', () => {
  const fields = {
    status: { stringValue: '%RESPONSE_CODE%' },
    deep: { structValue: { fields: { n: { numberValue: 2 } } } },
    list: { listValue: { values: [{ boolValue: true }, { nullValue: 'NULL_VALUE' as const }] } },
  };
  const any = packAny('envoy.extensions.access_loggers.file.v3.FileAccessLog', {
    path: '/dev/stdout',
    log_format: { json_format: { fields } },
  });
  expect(toJson(any)).toMatchObject({
    path: '/dev/stdout',
    log_format: { json_format: { status: '%RESPONSE_CODE%', deep: { n: 2 }, list: [true, null] } },
  });
});
