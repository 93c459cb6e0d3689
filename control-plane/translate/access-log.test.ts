import { expect, test } from 'vitest';
import { accessLogs, tcpLogFields } from './access-log.ts';

const logOf = (samplePercent: number, to = 'stdout') =>
  accessLogs({ format: 'json', to, samplePercent }, tcpLogFields)[0]!;

test.each([
  [10, 10, 'HUNDRED'],
  [0, 0, 'HUNDRED'],
  [2.5, 250, 'TEN_THOUSAND'],
  [0.0001, 1, 'MILLION'],
])('a share of %d %% is %d of %s, wherever the log goes', (percent, numerator, denominator) => {
  for (const to of ['stdout', 'stderr', '/var/log/access.log']) {
    expect(logOf(percent, to)).toHaveProperty('filter.runtime_filter', {
      runtime_key: 'fairlead.access_log',
      percent_sampled: { numerator, denominator },
    });
  }
});

test('nothing is said of a share where everything is logged', () => {
  expect(logOf(100)).not.toHaveProperty('filter');
});
