import { expect, test } from 'vitest';
import { checkFields, fieldTable } from './fields.ts';
import { formatProblem, Place } from './problems.ts';

test('a table about a field that the message does not have is an error at the start of the program', () => {
  expect(() => fieldTable('envoy.config.cluster.v3.Cluster', { carried: ['nmae'] })).toThrow(
    /Cluster has no field nmae/,
  );
});

const table = fieldTable('envoy.config.listener.v3.Listener', {
  carried: ['name'],
  ignored: ['stat_prefix'],
  only: { bind_to_port: [true], drain_type: ['DEFAULT'] },
});

test.each([
  ['what is carried out', { name: 'a' }, []],
  ['what changes nothing', { stat_prefix: 'a' }, []],
  ['defaults', { transparent: null, reuse_port: false, traffic_direction: 'UNSPECIFIED', listener_filters: [] }, []],
  ['a wrapped value that says what is done anyway', { bind_to_port: { value: true } }, []],
  [
    'a wrapped value that says otherwise',
    { bind_to_port: {} },
    ['bind_to_port: false is not supported by this data plane'],
  ],
  [
    'another enum value',
    { drain_type: 'MODIFY_ONLY' },
    ['drain_type: "MODIFY_ONLY" is not supported by this data plane'],
  ],
  ['a message, also an empty one', { api_listener: {} }, ['api_listener: not supported by this data plane']],
  ['a wrapped default that nobody spoke of', { freebind: {} }, ['freebind: not supported by this data plane']],
  [
    'an enum value that is not known',
    { traffic_direction: 9 },
    ['traffic_direction: not supported by this data plane'],
  ],
])('%s', (_law, message, expected) => {
  const place = new Place();
  checkFields(place, message, table);
  expect(place.problems.map(formatProblem)).toEqual(expected);
});
