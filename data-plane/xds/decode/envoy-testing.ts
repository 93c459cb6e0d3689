/** A real Envoy that says of resources whether it takes them, by acknowledging them or not over one ADS stream. */
import { onTestFinished } from 'vitest';
import { startEnvoy } from '../../../e2e/support/envoy.ts';
import { ScriptedServer, type ScriptedStream } from '../testing.ts';
import type { NodeType } from '../types.ts';
import { nodeTypeOf } from '../types.ts';

/** Envoy's words against a resource; empty: it takes it. */
export type Objections = (type: NodeType, name: string, bytes: Uint8Array) => Promise<string>;

/** What it takes stays until another form of it is taken. Ends with the test that starts it. */
export async function startJudge(): Promise<Objections> {
  const server = await ScriptedServer.start();
  const envoy = await startEnvoy({ bootstrap: bootstrapOf(server.port), waitFor: 'admin', logLevel: 'error' });
  onTestFinished(() => envoy.stop());
  const stream = await server.streams.take();
  let version = 0;
  return (type, name, bytes) => verdict(stream, type, stream.send(type, [{ name, version: `${++version}`, bytes }]));
}

async function verdict(stream: ScriptedStream, type: NodeType, nonce: string): Promise<string> {
  const died = stream.ended.then((): never => {
    throw new Error('Envoy died of this resource, or before it');
  });
  died.catch(() => {});
  for (;;) {
    const request = await Promise.race([stream.requests.take(), died]);
    if (request.response_nonce === nonce && nodeTypeOf(request.type_url ?? '') === type)
      return request.error_detail?.message ?? '';
  }
}

function bootstrapOf(port: number): Record<string, unknown> {
  const ads = { ads: {}, resource_api_version: 'V3' };
  const address = { socket_address: { address: '127.0.0.1', port_value: port } };
  const http2 = 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
  const grpc_services = [{ envoy_grpc: { cluster_name: 'xds' } }];
  return {
    node: { id: 'judge', cluster: 'judge' },
    dynamic_resources: {
      ads_config: { api_type: 'DELTA_GRPC', transport_api_version: 'V3', grpc_services },
      ...{ cds_config: ads, lds_config: ads },
    },
    static_resources: {
      clusters: [
        {
          name: 'xds',
          load_assignment: { cluster_name: 'xds', endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
          typed_extension_protocol_options: {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
              '@type': http2,
              explicit_http_config: { http2_protocol_options: {} },
            },
          },
        },
      ],
    },
  };
}
