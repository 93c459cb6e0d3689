import { expect, test } from 'vitest';
import type { FileAccessLog, Listener } from '../../../proto/envoy.ts';
import type { AccessLogConfig } from '../../model/config.ts';
import { readAccessLogs } from './access-log.ts';
import { formatProblem, Place } from './problems.ts';
import { any } from './testing.ts';

const fileLog = 'envoy.extensions.access_loggers.file.v3.FileAccessLog';

function read(log: FileAccessLog): { logs: AccessLogConfig[]; problems: string[] } {
  const place = new Place();
  const logs = readAccessLogs(place, [{ name: 'x', typed_config: any(fileLog, { path: '/dev/stdout', ...log }) }]);
  return { logs, problems: place.problems.map(formatProblem) };
}

const struct = (fields: object) => ({ fields }) as never;

test.each<[string, FileAccessLog, AccessLogConfig['format']]>([
  [
    'a text',
    { log_format: { text_format_source: { inline_string: '%DURATION%\n' } } },
    { type: 'text', text: '%DURATION%\n' },
  ],
  [
    'a text in bytes',
    { log_format: { text_format_source: { inline_bytes: Buffer.from('é\n') } } },
    { type: 'text', text: 'é\n' },
  ],
  ['a text, the older way', { log_format: { text_format: 'x' } }, { type: 'text', text: 'x' }],
  ['a text, the oldest way', { format: '%PROTOCOL%' }, { type: 'text', text: '%PROTOCOL%' }],
  [
    'JSON with values of every kind',
    {
      log_format: {
        json_format: struct({
          path: { stringValue: '%REQ(:PATH)%' },
          deep: { structValue: { fields: { n: { numberValue: 1 } } } },
          list: { listValue: { values: [{ boolValue: true }, { nullValue: 'NULL_VALUE' }, { stringValue: 'x' }] } },
        }),
      },
    },
    { type: 'json', fields: { path: '%REQ(:PATH)%', deep: { n: 1 }, list: [true, null, 'x'] } },
  ],
])('%s', (_law, log, format) => {
  expect(read(log)).toEqual({ logs: [{ path: '/dev/stdout', format }], problems: [] });
});

test("a file log without a format has Envoy's own, which ends its lines", () => {
  const { logs, problems } = read({});
  expect(problems).toEqual([]);
  expect(logs[0]?.format).toMatchObject({ type: 'text', text: expect.stringMatching(/^\[%START_TIME%\].*\n$/s) });
});

test('logs to the standard streams are logs to their files', () => {
  const place = new Place();
  const stderr = any('envoy.extensions.access_loggers.stream.v3.StderrAccessLog', { log_format: { text_format: 'x' } });
  const stdout = any('envoy.extensions.access_loggers.stream.v3.StdoutAccessLog', { log_format: { text_format: 'x' } });
  const logs = readAccessLogs(place, [{ typed_config: stdout }, { typed_config: stderr }]);
  expect(logs.map(({ path }) => path)).toEqual(['/dev/stdout', '/dev/stderr']);
  expect(place.problems).toEqual([]);
});

test.each<[FileAccessLog, RegExp]>([
  [{ path: '' }, /^access_log\[0\]\.typed_config\.path: must not be empty$/],
  [{ log_format: { text_format: '100%' } }, /^access_log\[0\]\.typed_config\.log_format\.text_format: ./],
  [
    { log_format: { json_format: struct({ a: { structValue: { fields: { b: { stringValue: '%NO_SUCH%' } } } } }) } },
    /^access_log\[0\]\.typed_config\.log_format\.json_format\.a\.b: .*NO_SUCH/,
  ],
  [
    { log_format: { json_format: struct({ a: { listValue: { values: [{ stringValue: '%' }] } } }) } },
    /^access_log\[0\]\.typed_config\.log_format\.json_format\.a\[0\]: ./,
  ],
  [
    { log_format: { text_format_source: { filename: '/etc/passwd' } } },
    /^access_log\[0\]\.typed_config\.log_format\.text_format_source\.filename: not supported/,
  ],
  [
    { log_format: { text_format: 'x', omit_empty_values: true } },
    /^access_log\[0\]\.typed_config\.log_format\.omit_empty_values: not supported/,
  ],
])('%j is refused by name', (log, expected) => {
  const { problems } = read(log);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatch(expected);
});

type LogFilter = NonNullable<NonNullable<Listener['access_log']>[number]['filter']>;

function readFiltered(filter: LogFilter) {
  const place = new Place();
  const [log] = readAccessLogs(place, [{ filter, typed_config: any(fileLog, { path: '/x' }) }]);
  return { sample: log?.sample, problems: place.problems.map(formatProblem) };
}

test.each([
  [{ percent_sampled: { numerator: 10 } }, { numerator: 10, denominator: 100, independent: false }],
  [
    { percent_sampled: { numerator: 25, denominator: 'TEN_THOUSAND' }, use_independent_randomness: true },
    { numerator: 25, denominator: 10_000, independent: true },
  ],
  [
    { percent_sampled: { numerator: 1, denominator: 'MILLION' } },
    { numerator: 1, denominator: 1_000_000, independent: false },
  ],
  [{}, { numerator: 0, denominator: 100, independent: false }],
  [{ percent_sampled: { numerator: 100 } }, undefined],
  [{ percent_sampled: { numerator: 101 } }, undefined],
] as const)('a share of %j is %j', (runtime, sample) => {
  const filter = { runtime_filter: { runtime_key: 'k', ...runtime } };
  expect(readFiltered(filter)).toEqual({ sample, problems: [] });
});

test.each([
  [{ not_health_check_filter: {} }, '.not_health_check_filter: not supported by this data plane'],
  [{}, ': must say a filter'],
  [{ runtime_filter: { percent_sampled: { numerator: 1 } } }, '.runtime_filter.runtime_key: must not be empty'],
  [
    { runtime_filter: { runtime_key: 'k', percent_sampled: { denominator: 9 as never } } },
    '.runtime_filter.percent_sampled.denominator: is not supported by this data plane',
  ],
])('a log with the filter %j is refused, for it would log what was not asked for', (filter, problem) => {
  expect(readFiltered(filter).problems).toEqual([`access_log[0].filter${problem}`]);
});
