import { expect, test } from 'vitest';
import { outliersOf } from '../testing.ts';
import { ownHostCounts } from './host-counts.ts';
import { localStatus, Outcomes } from './outcomes.ts';

function start(config = outliersOf({ consecutive5xx: 3, consecutiveGatewayFailure: 2 })) {
  const told: string[] = [];
  const host = { key: 'h', counts: ownHostCounts() };
  const outcomes = new Outcomes(config, {
    now: () => 0,
    onFinding: (key, finding) => void told.push(`${key} ${finding}`),
  });
  const counted = (): number[] => {
    const { counts } = host;
    return (['external', 'local'] as const).flatMap((origin) => [counts.total(origin), counts.successful(origin)]);
  };
  return { told, host, outcomes, counted };
}

test('so many answers of 5xx in a row are told once, gateway failures by themselves, and any other answer ends the row', () => {
  const { told, host, outcomes, counted } = start();
  const answer = (...statuses: number[]): string[] => {
    for (const status of statuses) outcomes.answered(host, status);
    return told.splice(0);
  };
  expect(answer(500, 501, 200, 500, 404, 500, 599)).toEqual([]);
  expect(answer(500)).toEqual(['h consecutive-5xx']);
  expect(answer(200, 503, 500, 504)).toEqual(['h consecutive-5xx']);
  expect(answer(200, 502, 503)).toEqual(['h consecutive-gateway-failure']);
  // nobody has ended the row: it goes on to the next bout
  expect(answer(500, 500, 500)).toEqual(['h consecutive-5xx']);
  expect(counted()).toEqual([18, 4, 0, 0]);
});

test('what goes wrong before an answer is a 5xx of the gateway, where it is not counted by itself', () => {
  const { told, host, outcomes, counted } = start();
  outcomes.failed(host, localStatus.failed, false);
  outcomes.failed(host, localStatus.timedOut, true);
  expect(told).toEqual(['h consecutive-gateway-failure']);
  outcomes.connected(host);
  outcomes.failed(host, localStatus.failed, false);
  outcomes.failed(host, localStatus.failed, false);
  expect(told).toEqual(['h consecutive-gateway-failure', 'h consecutive-gateway-failure']);
  expect(counted()).toEqual([5, 1, 0, 0]);
});

test('where it is, an answer of 5xx is none, and a connection that is made ends the row', () => {
  const config = outliersOf({ splitLocalOrigin: true, consecutiveLocalOriginFailure: 2, consecutive5xx: 2 });
  const { told, host, outcomes, counted } = start(config);
  outcomes.failed(host, localStatus.failed, false);
  outcomes.answered(host, 500);
  outcomes.failed(host, localStatus.failed, false);
  outcomes.failed(host, localStatus.timedOut, true);
  expect(told).toEqual([]);
  outcomes.failed(host, localStatus.failed, false);
  expect(told).toEqual(['h consecutive-local-origin-failure']);
  outcomes.connected(host);
  expect(counted()).toEqual([1, 0, 7, 3]);
  outcomes.answered(host, 500);
  expect(told.at(-1)).toBe('h consecutive-5xx');
});

test('a threshold of 0 is none', () => {
  const { told, host, outcomes } = start(outliersOf({ consecutive5xx: 0, consecutiveGatewayFailure: 0 }));
  for (let count = 0; count < 20; count++) outcomes.answered(host, 503);
  expect(told).toEqual([]);
});

test('failures that nginx would count: also answers of 5xx, unless what this side meets is counted by itself', () => {
  const maxFails = { fails: 2, windowMs: 1_000 };
  const both = start(outliersOf({ consecutive5xx: 0, consecutiveGatewayFailure: 0, maxFails }));
  both.outcomes.answered(both.host, 500);
  both.outcomes.failed(both.host, localStatus.failed, false);
  expect(both.told).toEqual(['h max-fails']);
  const own = start(outliersOf({ consecutive5xx: 0, splitLocalOrigin: true, maxFails }));
  for (let count = 0; count < 4; count++) own.outcomes.answered(own.host, 500);
  expect(own.told).toEqual([]);
  for (let count = 0; count < 2; count++) own.outcomes.failed(own.host, localStatus.failed, false);
  expect(own.told).toEqual(['h max-fails']);
});
