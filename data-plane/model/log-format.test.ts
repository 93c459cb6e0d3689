import { expect, test } from 'vitest';
import { defaultLogFormat, parseLogFormat } from './log-format.ts';

function message(format: string): string {
  const parsed = parseLogFormat(format);
  return parsed.ok ? 'accepted' : parsed.message;
}

test('a format is text with operators in between, and %% is a percent sign', () => {
  expect(parseLogFormat('100%% of %REQ(X-A?USER-AGENT):12%, %RESPONSE_CODE%\n')).toEqual({
    ok: true,
    value: [
      { type: 'text', text: '100% of ' },
      { type: 'request-header', name: 'x-a', fallback: 'user-agent', maxLength: 12 },
      { type: 'text', text: ', ' },
      { type: 'plain', operator: 'RESPONSE_CODE' },
      { type: 'text', text: '\n' },
    ],
  });
  expect(parseLogFormat('')).toEqual({ ok: true, value: [] });
});

test('operators may stand side by side', () => {
  expect(parseLogFormat('%PROTOCOL%%RESP(x-envoy-upstream-service-time)%%%')).toEqual({
    ok: true,
    value: [{ type: 'plain', operator: 'PROTOCOL' }, { type: 'upstream-service-time' }, { type: 'text', text: '%' }],
  });
});

test("Envoy's default format is understood", () => {
  expect(parseLogFormat(defaultLogFormat).ok).toBe(true);
});

test.each([
  ['50% off', 'lone "%" at character 3'],
  ['%', 'lone "%" at character 1'],
  ['%%%', 'lone "%" at character 3'],
  ['%REQ(X-A%', 'lone "%" at character 1'],
  ['%RESPONSE_CODE', 'lone "%" at character 1'],
  ['%response_code%', 'lone "%" at character 1'],
  ['%UPSTREAM_HOSTS%', '%UPSTREAM_HOSTS% is not a known operator: use one of START_TIME'],
  ['%constructor%', 'lone "%"'],
  ['%RESP(SERVER)%', '%RESP(SERVER)% is not supported'],
  ['%START_TIME(%Y)%', 'lone "%"'],
  ['%START_TIME(x)%', 'not supported with an argument: write %START_TIME%'],
  ['%PROTOCOL:3%', 'a length is only for %REQ(…)%, %DYNAMIC_METADATA(…)% and %FILTER_STATE(…)%'],
  ['%DYNAMIC_METADATA(envoy.lb:a)%', 'write %DYNAMIC_METADATA(envoy.filters.listener.proxy_protocol:NAME)%'],
  ['%DYNAMIC_METADATA(envoy.filters.listener.proxy_protocol)%', 'with the name of a TLV'],
  ['%DYNAMIC_METADATA(envoy.filters.listener.proxy_protocol:a:b)%', 'is not supported'],
  [
    '%FILTER_STATE(envoy.network.proxy_protocol.tlv)%',
    'write %FILTER_STATE(envoy.network.proxy_protocol.tlv:FIELD:NAME)%',
  ],
  ['%FILTER_STATE(a:FIELD:b)%', 'with the name of a TLV'],
  ['%FILTER_STATE(envoy.network.proxy_protocol.tlv:FIELD:a:b)%', 'is not supported'],
  ['%STREAM_ID(x)%', 'write %STREAM_ID%'],
  ['%REQ()%', 'write %REQ(HEADER)%'],
  ['%REQ%', 'write %REQ(HEADER)%'],
  ['%REQ(A?B?C)%', 'write %REQ(HEADER)%'],
  ['%REQ(A B)%', 'write %REQ(HEADER)%'],
  ['%REQ(:SCHEME)%', ':scheme is not logged'],
])('%s is refused with the place or the remedy', (format, expected) => {
  expect(message(format)).toContain(expected);
});
