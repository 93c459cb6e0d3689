/** envoy.config.accesslog.v3.AccessLogFilter: the one that has a share of all logged. */
import type { Listener } from '../../../proto/envoy.ts';
import type { AccessLogConfig } from '../../model/config.ts';
import { checkFields, fieldTable } from './fields.ts';
import { denominatorOf } from './fraction.ts';
import type { Place } from './problems.ts';
import { required } from './values.ts';

type LogFilter = NonNullable<Listener['access_log']>[number]['filter'];

const filterFields = fieldTable('envoy.config.accesslog.v3.AccessLogFilter', { carried: ['runtime_filter'] });
const runtimeFields = fieldTable('envoy.config.accesslog.v3.RuntimeFilter', {
  // nothing is set at run time, so that the key leads nowhere
  carried: ['runtime_key', 'percent_sampled', 'use_independent_randomness'],
});

export function readSample(place: Place, filter: LogFilter): Pick<AccessLogConfig, 'sample'> {
  if (filter === null || filter === undefined) return {};
  checkFields(place, filter, filterFields);
  const { runtime_filter: runtime } = filter;
  if (runtime === null || runtime === undefined) {
    if (Object.keys(filter).length === 0) place.refuse('must say a filter');
    return {};
  }
  const at = place.field('runtime_filter');
  checkFields(at, runtime, runtimeFields);
  required(at.field('runtime_key'), runtime.runtime_key);
  const numerator = runtime.percent_sampled?.numerator ?? 0;
  const denominator = denominatorOf(at.field('percent_sampled'), runtime.percent_sampled ?? {});
  if (numerator >= denominator) return {};
  return { sample: { numerator, denominator, independent: runtime.use_independent_randomness ?? false } };
}
