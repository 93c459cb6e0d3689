import { expect, test } from 'vitest';
import type { RedirectConfig, RouteMatchConfig } from '../model/config.ts';
import { compileAnswer } from './answer.ts';

const stays: RedirectConfig = {
  ...{ type: 'redirect', status: 301, scheme: '', host: '', port: 0, path: '', rewrite: null, stripQuery: false },
};
const underApi: RouteMatchConfig['path'] = { type: 'pathSeparatedPrefix', value: '/api' };

function location(change: Partial<RedirectConfig>, authority = 'a.b:80', path = underApi): string | undefined {
  const match = { path, caseSensitive: true, headers: [], query: [], fraction: null };
  const answer = compileAnswer({
    name: '',
    match,
    to: [],
    answer: { ...stays, ...change },
    rewrite: null,
    requestHeaders: null,
    responseHeaders: null,
    timeoutMs: 0,
    maxStream: null,
    streamIdleTimeoutMs: null,
    retry: null,
    fallback: null,
    upgrades: [],
    fault: null,
    hashPolicies: [],
    stickySession: null,
    grpcWeb: null,
    clusterHeader: '',
  });
  const request = { method: 'GET', path: '/api/7', query: '?q', host: 'a.b', authority, random: 0, clientIp: '' };
  return answer?.location({ ...request, headerLines: () => [], protocol: 'HTTP/1.1' }, 'http');
}

const strip = { type: 'regex', regex: '^/api/*', substitution: '/' } as const;
test.each<[Partial<RedirectConfig>, string]>([
  [{ scheme: 'https' }, 'https://a.b/api/7?q'],
  [{ scheme: 'http' }, 'http://a.b:80/api/7?q'],
  [{ port: 8443 }, 'http://a.b:8443/api/7?q'],
  [{ host: 'c.d' }, 'http://c.d/api/7?q'],
  [{ path: '/x' }, 'http://a.b:80/x?q'],
  [{ path: '/x?y' }, 'http://a.b:80/x?y'],
  [{ path: '/x', stripQuery: true }, 'http://a.b:80/x'],
  [{ rewrite: { type: 'prefix', value: '/v2' } }, 'http://a.b:80/v2/7?q'],
  [{ rewrite: strip }, 'http://a.b:80/7?q'],
])('%j leads to %s', (change, expected) => {
  expect(location(change)).toBe(expected);
});

test('a port that is not the standard one stays, also where the scheme changes', () => {
  expect(location({ scheme: 'https' }, 'a.b:8080')).toBe('https://a.b:8080/api/7?q');
});

test('where the route matches the whole path, all of it is replaced', () => {
  const rewrite = { type: 'prefix', value: '/v2' } as const;
  expect(location({ rewrite }, 'a.b', { type: 'regex', value: '.*' })).toBe('http://a.b/v2?q');
});
