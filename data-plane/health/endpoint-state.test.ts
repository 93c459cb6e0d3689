import { expect, test } from 'vitest';
import { type EndpointFacts, endpointState, stateReason } from './endpoint-state.ts';

const well: EndpointFacts = {
  told: 'healthy',
  checked: 'passing',
  ejected: false,
  onProbation: false,
  inSlowStart: false,
};

test.each<[string, string, Partial<EndpointFacts>]>([
  ['healthy', '', {}],
  ['slow-start', '', { inSlowStart: true }],
  ['probation', '', { onProbation: true, inSlowStart: true }],
  ['degraded', 'health check: it calls itself degraded', { checked: 'degraded', onProbation: true }],
  ['degraded', 'the control plane says so', { told: 'degraded', inSlowStart: true }],
  ['ejected', 'outlier detection: status 503', { ejected: true, told: 'degraded' }],
  ['joining', 'not checked yet', { checked: 'pending', ejected: true }],
  ['unhealthy', 'health check: status 503', { checked: 'failing', ejected: true }],
  ['unhealthy', 'the control plane says so', { told: 'unhealthy', checked: 'pending' }],
  ['draining', 'the control plane says so', { told: 'draining', checked: 'failing', ejected: true }],
])('an endpoint is %s (%s) where %j', (state, reason, facts) => {
  const all = { ...well, ...facts };
  expect(endpointState(all)).toBe(state);
  expect(stateReason(endpointState(all), all.told, 'status 503')).toBe(reason);
});

/** The life of an endpoint: what happens, and the state that it leads to from the one before. */
test.each<[string, string, readonly [string, Partial<EndpointFacts>, string][]]>([
  [
    'that is checked, with slow start',
    'joining',
    [
      ['passes its first check', { checked: 'passing', inSlowStart: true }, 'slow-start'],
      ['has warmed up', { inSlowStart: false }, 'healthy'],
      ['errs, where utilisation decides', { onProbation: true }, 'probation'],
      ['has behaved since', { onProbation: false }, 'healthy'],
      ['stands out', { ejected: true }, 'ejected'],
      ['crashes', { checked: 'failing' }, 'unhealthy'],
      ['comes back before its ejection ends', { checked: 'passing', inSlowStart: true }, 'ejected'],
      ['is let in again', { ejected: false }, 'slow-start'],
      ['calls itself degraded', { checked: 'degraded' }, 'degraded'],
      ['is told to drain', { told: 'draining' }, 'draining'],
    ],
  ],
  [
    'that fails from the start',
    'joining',
    [
      ['fails its first check', { checked: 'failing' }, 'unhealthy'],
      ['passes often enough', { checked: 'passing' }, 'healthy'],
    ],
  ],
])('the life of an endpoint %s', (_, first, steps) => {
  let facts: EndpointFacts = { ...well, checked: 'pending' };
  expect(endpointState(facts)).toBe(first);
  for (const [event, change, state] of steps) {
    facts = { ...facts, ...change };
    expect(endpointState(facts), event).toBe(state);
  }
});
