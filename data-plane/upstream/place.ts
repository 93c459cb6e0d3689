/** Where a socket to an endpoint goes. */
import net from 'node:net';
import type { EndpointConfig } from '../model/config.ts';

/** For `net.connect`: the address; or a list of them, of which the next is tried where one fails or takes 250 ms. */
export function placeOf({
  address,
  port,
  others,
}: Pick<EndpointConfig, 'address' | 'port' | 'others'>): net.TcpNetConnectOpts {
  if (others === undefined) return { host: address, port };
  const list = [address, ...others].map((one) => ({ address: one, family: net.isIP(one) }));
  return {
    // whatever is no address is "looked up"
    host: 'endpoint',
    port,
    lookup: (_host, _options, found) => found(null, list),
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: 250,
  };
}
