import { expect, test } from 'vitest';
import { readUtilization } from './load-metrics.ts';

/** What a report says, by the name of its header. */
function utilization(lines: Readonly<Record<string, string>>): number {
  return readUtilization({ first: (name) => lines[name] ?? '' });
}

const text = (value: string): number => utilization({ 'endpoint-load-metrics': value });
const binary = (value: string): number => utilization({ 'endpoint-load-metrics-bin': value });

/** An OrcaLoadReport with something in each field, 0.25 of the processors among it. */
const report =
  'CQAAAAAAANA/Ec3MzMzMzOw/GAciEAoFcXVlcnkRAAAAAAAACEAqDwoEZGlzaxGamZmZmZnZPzkAAAAAAADwP0IQCgVxdWV1ZREAAAAAAAAoQA==';
/** 1.5 of what the application should bear. */
const application = 'SQAAAAAAAPg/';

test('the processors count, and in their place what the application says of itself', () => {
  expect(binary(report)).toBe(0.25);
  expect(binary(application)).toBe(1.5);
  expect(binary(Buffer.concat([report, application].map((one) => Buffer.from(one, 'base64'))).toString('base64'))).toBe(
    1.5,
  );
  expect(text('TEXT cpu_utilization=0.25,mem_utilization=0.9, named_metrics.queue=12')).toBe(0.25);
  expect(text('TEXT application_utilization:0.5 , cpu_utilization:0.25')).toBe(0.5);
  expect(text('JSON {"cpu_utilization": 0.25, "named_metrics": {"queue": 12}}')).toBe(0.25);
  expect(text('JSON {"cpuUtilization": 0.25, "applicationUtilization": "5e-1"}')).toBe(0.5);
  expect(text(`BIN ${report}`)).toBe(0.25);
});

test('the message counts where both are there', () => {
  const message = report.replace(/=+$/, '');
  expect(utilization({ 'endpoint-load-metrics-bin': message, 'endpoint-load-metrics': 'TEXT cpu_utilization=1' })).toBe(
    0.25,
  );
});

test.each([
  ['nothing', ''],
  ['another form', 'XML cpu_utilization=0.5'],
  ['no form', 'cpu_utilization=0.5'],
  ['no pairs', 'TEXT cpu_utilization'],
  ['other things alone', 'TEXT mem_utilization=0.5'],
  ['that nothing is said', 'TEXT cpu_utilization=0'],
  ['a negative share', 'TEXT cpu_utilization=-1'],
  ['no number', 'TEXT cpu_utilization=NaN'],
  ['infinity', 'TEXT cpu_utilization=1e999'],
  ['infinity as a word', 'TEXT cpu_utilization=Infinity'],
  ['more than can be', 'TEXT cpu_utilization=101'],
  ['an empty value', 'TEXT cpu_utilization='],
  ['half a number', 'TEXT cpu_utilization=1.2.3'],
  ['a broken application beside a good processor', 'TEXT cpu_utilization=0.5,application_utilization=NaN'],
  ['no JSON', 'JSON {"cpu_utilization": 0.5'],
  ['JSON that is no object', 'JSON [0.5]'],
  ['JSON null', 'JSON null'],
  ['JSON of another kind', 'JSON {"cpu_utilization": {"valueOf": 1}}'],
  ['a report of 5 KB', `TEXT cpu_utilization=0.5,${'x=1,'.repeat(1250)}y=1`],
])('%s is no report', (_law, value) => {
  expect(text(value)).toBe(-1);
});

test.each([
  ['cut short', '\x09\0\0\0\0'],
  ['a group', '\x0b'],
  ['a number of eleven bytes', '\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01'],
  ['longer than it is', '\x22\x7f'],
  ['minus one', '\x09\0\0\0\0\0\0\xf0\xbf'],
  ['no number', '\x09\0\0\0\0\0\0\xf8\x7f'],
  ['infinity', '\x09\0\0\0\0\0\0\xf0\x7f'],
])('a message of %s is no report', (_law, bytes) => {
  expect(binary(Buffer.from(bytes, 'latin1').toString('base64'))).toBe(-1);
});
