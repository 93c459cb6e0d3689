import { expect, test } from 'vitest';
import { l4Metadata } from '../../../proto/l4.ts';
import { seededRandom } from '../../testing.ts';
import { type NodeType, nodeTypes } from '../types.ts';
import { decoders } from './decoders.ts';
import {
  any,
  assignment,
  edsCluster,
  hostBytes,
  httpManager,
  httpOptionsName,
  lbEndpoint,
  listener,
  pairFor,
  problemsOf,
  route,
  routerFilter,
  routes,
  seconds,
  secretBytes,
  virtualHost,
} from './testing.ts';
import {
  byRange,
  byState,
  chainListener,
  hashState,
  headedCluster,
  inspector,
  metadata,
  proxyFilter,
  range,
  setState,
  tcpChain,
  tcpFilter,
  udpFilter,
  udpListener,
  udpRoute,
} from './testing-l4.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
console.log(`seed of the mutations: ${seed} (SEED=${seed} repeats them)`);

const host = virtualHost({ name: 'public/shop', domains: ['shop.example.com', '*.shop.example.com'] });

const stateful = 'envoy.extensions.filters.http.stateful_session.v3.StatefulSession';
const sessionState = {
  name: 'envoy.http.stateful_session.cookie',
  typed_config: any('envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState', {
    cookie: { name: 'sticky', ttl: seconds(60), path: '/', attributes: [{ name: 'Secure' }] },
  }),
};

const valid = {
  clusters: edsCluster({
    load_balancing_policy: {
      policies: [
        {
          typed_extension_config: {
            typed_config: any('envoy.extensions.load_balancing_policies.subset.v3.Subset', {
              default_subset: { fields: { version: { stringValue: 'v1' } } } as never,
              subset_selectors: [{ keys: ['version', 'stage'], fallback_policy: 'ANY_ENDPOINT' }],
              subset_lb_policy: {
                policies: [
                  {
                    typed_extension_config: {
                      typed_config: any('envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash', {
                        ...{ minimum_ring_size: { value: 10 }, maximum_ring_size: { value: 20 } },
                        consistent_hashing_lb_config: { hash_balance_factor: { value: 150 } },
                      }),
                    },
                  },
                ],
              },
            }),
          },
        },
      ],
    },
    health_checks: [
      {
        timeout: seconds(1),
        interval: seconds(5),
        unhealthy_threshold: { value: 3 },
        healthy_threshold: { value: 2 },
        http_health_check: {
          ...{
            path: '/healthz',
            host: 'a',
            expected_statuses: [{ start: 200, end: 300 }],
            receive: [{ text: '4f4b' }],
          },
          request_headers_to_add: [{ header: { key: 'x-probe', value: '1' } }],
        },
      },
    ],
    outlier_detection: { interval: seconds(1), max_ejection_percent: { value: 50 } },
    metadata: {
      filter_metadata: {
        'fairlead.passive': {
          fields: {
            maxFails: { structValue: { fields: { fails: { numberValue: 3 }, windowMs: { numberValue: 30_000 } } } },
          },
        },
      },
    } as never,
    circuit_breakers: { thresholds: [{ max_requests: { value: 10 }, retry_budget: {} }] },
    typed_extension_protocol_options: {
      [httpOptionsName]: any(httpOptionsName, { explicit_http_config: { http_protocol_options: {} } }),
    },
  }),
  endpoints: assignment({
    policy: { overprovisioning_factor: { value: 100 } },
    endpoints: [
      {
        ...{ locality: { zone: 'a' }, load_balancing_weight: { value: 3 }, priority: 1 },
        lb_endpoints: [
          lbEndpoint('10.0.0.1', 80),
          { endpoint: { ...lbEndpoint('::1', 80).endpoint, hostname: 'b', health_check_config: { port_value: 81 } } },
        ],
      },
    ],
  }),
  listeners: listener({
    http: httpManager({
      http_filters: [{ name: 's', typed_config: any(stateful, { session_state: sessionState }) }, routerFilter],
      server_name: 'fairlead',
      access_log: [
        {
          typed_config: any('envoy.extensions.access_loggers.file.v3.FileAccessLog', {
            path: '/dev/stdout',
            log_format: { json_format: { fields: { a: { stringValue: '%DURATION%' } } } as never },
          }),
        },
      ],
    }),
  }),
  virtualHosts: hostBytes(host),
  secrets: secretBytes('shop', pairFor('shop.example.com', '*.shop.example.com')),
  routes: routes({
    virtual_hosts: [
      virtualHost({
        routes: [
          route({
            match: { path: '/a', headers: [{ name: ':method', string_match: { safe_regex: { regex: 'A|B' } } }] },
          }),
          route({
            route: {
              weighted_clusters: { clusters: [{ name: 'a', weight: { value: 1 } }] },
              hash_policy: [
                { header: { header_name: 'x-user', regex_rewrite: { pattern: { regex: 'a' }, substitution: 'b' } } },
                { cookie: { name: 'sid', ttl: seconds(60), attributes: [{ name: 'SameSite', value: 'Lax' }] } },
              ],
              metadata_match: { filter_metadata: { 'envoy.lb': { fields: { v: { stringValue: '1' } } } } } as never,
            },
            typed_per_filter_config: {
              'envoy.filters.http.stateful_session': any(`${stateful}PerRoute`, {
                stateful_session: { session_state: sessionState, strict: true },
              }),
            },
          }),
        ],
      }),
    ],
  }),
};

/** Beside those above, what is forwarded below HTTP. */
const l4: readonly { readonly what: string; readonly type: NodeType; readonly bytes: Uint8Array }[] = [
  {
    what: 'a TCP listener with chains',
    type: 'listeners',
    bytes: chainListener(
      [
        tcpChain(
          { server_names: ['a', '*.b'], source_prefix_ranges: [range('10.0.0.0', 8), range('fd00::', 8)] },
          { metadata: metadata(l4Metadata, { datapath: 'auto' }) },
        ),
        tcpChain({ application_protocols: ['h2'] }, { filters: [setState(hashState()), tcpFilter(byState('k'))] }),
      ],
      {
        listener_filters: [proxyFilter({ rules: [{ tlv_type: 5, on_tlv_present: { key: 'id' } }] }), inspector()],
        default_filter_chain: tcpChain(null, {
          filters: [
            tcpFilter({
              proxy_protocol_tlvs: [{ type: 5, value: Buffer.from('a') }],
              proxy_protocol_tlv_merge_policy: 'OVERWRITE_BY_TYPE_IF_EXISTS_OR_ADD',
            }),
          ],
        }),
      },
    ),
  },
  {
    what: 'a UDP listener',
    type: 'listeners',
    bytes: udpListener([
      udpFilter({
        hash_policies: [{ key: 'k' }],
        matcher: {
          ...byRange({ ranges: [range('10.0.0.0', 8)], on_match: udpRoute('a') }),
          on_no_match: udpRoute('b'),
        },
      }),
    ]),
  },
  {
    what: 'a cluster with PROXY headers',
    type: 'clusters',
    bytes: headedCluster({
      config: {
        ...{ version: 'V2', pass_through_tlvs: { match_type: 'INCLUDE', tlv_type: [1, 2] } },
        added_tlvs: [{ type: 5, value: Buffer.from('a') }],
      },
    }),
  },
];

const subjects = [...nodeTypes.map((type) => ({ what: type, type, bytes: valid[type] })), ...l4];

/** One to four edits: a byte changed, a piece cut out, doubled, or put elsewhere, the end cut off. */
function mutate(bytes: Uint8Array, random: () => number): Uint8Array {
  let mutated = Buffer.from(bytes);
  const place = () => Math.floor(random() * mutated.length);
  for (let edits = 1 + Math.floor(random() * 4); edits > 0; edits--) {
    const [from, to] = [place(), place()].sort((a, b) => a - b) as [number, number];
    const piece = mutated.subarray(from, to);
    const kind = Math.floor(random() * 5);
    if (kind === 0 && mutated.length > 0) mutated[from] = Math.floor(random() * 256);
    else if (kind === 1) mutated = Buffer.concat([mutated.subarray(0, from), mutated.subarray(to)]);
    else if (kind === 2) mutated = Buffer.concat([mutated.subarray(0, to), piece, mutated.subarray(to)]);
    else if (kind === 3) mutated = Buffer.concat([piece, mutated]);
    else mutated = Buffer.from(mutated.subarray(0, to));
  }
  return mutated;
}

test.each(subjects)('$what: what is to be mutated is valid', ({ type, bytes }) => {
  expect(problemsOf(decoders[type](bytes))).toEqual([]);
});

test.each(subjects)(
  '$what: no mutation makes decoding throw: a frozen value comes out, or problems',
  ({ type, bytes }) => {
    const random = seededRandom(seed);
    for (let round = 0; round < 3_000; round++) {
      const decoded = decoders[type](mutate(bytes, random));
      if (decoded.ok) expect(Object.isFrozen(decoded.value)).toBe(true);
      else expect(decoded.problems.length).toBeGreaterThan(0);
    }
  },
);

/** One length-delimited protobuf field. */
function field(tag: number, payload: Uint8Array): Buffer {
  const length: number[] = [];
  let left = payload.length;
  for (; left > 127; left >>>= 7) length.push((left & 127) | 128);
  return Buffer.concat([Buffer.from([tag, ...length, left]), payload]);
}

test('nesting without end is a problem, not a crash', () => {
  let value: Buffer = Buffer.from([0x20, 1]);
  for (let depth = 0; depth < 5_000; depth++) value = field(0x32, field(0x0a, value)); // a list in a list
  const struct = field(0x0a, Buffer.concat([field(0x0a, Buffer.from('a')), field(0x12, value)]));
  const log = Buffer.concat([field(0x0a, Buffer.from('/dev/stdout')), field(0x2a, field(0x12, struct))]);
  const type_url = 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog';
  const access_log = [{ typed_config: { type_url, value: log } }];
  expect(problemsOf(decoders.listeners(listener({ http: httpManager({ access_log }) })))).toEqual([
    expect.stringMatching(/access_log\[0\]\.typed_config: malformed .* max depth exceeded/),
  ]);
});
