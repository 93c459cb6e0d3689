/** UpgradeConfig, of a route and of an HttpConnectionManager: which tunnels requests may open. */
import type { HttpConnectionManager, VirtualHost } from '../../../proto/envoy.ts';
import type { UpgradeConfig } from '../../model/config.ts';
import { checkFields, type FieldTable, fieldTable } from './fields.ts';
import { type Place, unsupported } from './problems.ts';
import { bool } from './values.ts';

type OfRoute = NonNullable<NonNullable<NonNullable<VirtualHost['routes']>[number]['route']>['upgrade_configs']>;
type OfManager = NonNullable<HttpConnectionManager['upgrade_configs']>;

// a CONNECT goes on as one: `connect_config` would end it here
const routeFields = fieldTable('envoy.config.route.v3.RouteAction.UpgradeConfig', {
  carried: ['upgrade_type', 'enabled'],
});
const managerFields = fieldTable(
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.UpgradeConfig',
  { carried: ['upgrade_type', 'enabled'] },
);

/** Other versions of HTTP are never a tunnel; nor are datagrams. */
const never = /^(h2c|http\/.*|tls\/.*|connect-udp)$/;

export function readRouteUpgrades(place: Place, configs: OfRoute | null | undefined): readonly UpgradeConfig[] {
  return read(place, configs ?? [], routeFields);
}

export function readManagerUpgrades(place: Place, configs: OfManager | null | undefined): readonly UpgradeConfig[] {
  return read(place, configs ?? [], managerFields);
}

function read(place: Place, configs: OfRoute | OfManager, fields: FieldTable): readonly UpgradeConfig[] {
  const upgrades: UpgradeConfig[] = [];
  configs.forEach((config, index) => {
    const at = place.item('upgrade_configs', index);
    checkFields(at, config, fields);
    const type = (config.upgrade_type ?? '').toLowerCase();
    if (type === '') at.field('upgrade_type').refuse('must not be empty');
    else if (never.test(type)) at.field('upgrade_type').refuse(`${config.upgrade_type} is ${unsupported}`);
    else if (upgrades.some((one) => one.type === type)) at.field('upgrade_type').refuse(`${type} is there already`);
    upgrades.push({ type, enabled: bool(config.enabled, true) });
  });
  return upgrades;
}
