import { expect, test } from 'vitest';
import { toBigInt, xxHashOf } from '../../proto/hashing/testing.ts';
import { hashFormats } from '../../proto/l4.ts';
import type { TcpHashConfig } from '../model/config.ts';
import { emptyLogEntry } from '../telemetry/empty-log-entry.ts';
import type { LogEntry } from '../telemetry/log-entry.ts';
import { hashConnection } from './hash.ts';

const entry: LogEntry = Object.assign(emptyLogEntry(), {
  downstreamIp: '10.0.0.1',
  downstreamAddress: '10.0.0.1:50000',
  localAddress: '10.9.0.1:5432',
});

const text = (format: string): TcpHashConfig => ({ type: 'text', format, means: null });

test.each<[string, TcpHashConfig, Partial<LogEntry>, string]>([
  ["the client's address", { type: 'source' }, {}, '10.0.0.1'],
  ['both ends', text(hashFormats['five-tuple']), {}, '10.0.0.1:50000|10.9.0.1:5432'],
  ['a port', text(hashFormats['destination-port']), {}, '5432'],
  ['nothing known of whom', text(hashFormats.authority), {}, '-|-'],
  ['whom TLS asks for', text(hashFormats.authority), { requestedServerName: 'db.example.com' }, 'db.example.com|-'],
  ['a TLV of UTF-8', text(hashFormats.authority), { proxyTlvs: new Map([['authority', 'd\xc3\xbc']]) }, '-|dü'],
  ['a text of UTF-8', text('ü %DOWNSTREAM_LOCAL_PORT%'), {}, 'ü 5432'],
])('what is hashed: %s', (_what, config, patch, expected) => {
  expect(toBigInt(hashConnection(config, { ...entry, ...patch }))).toBe(toBigInt(xxHashOf(expected)));
});

test('a hash keeps what it was, whatever is hashed next', () => {
  const first = hashConnection(text('%DOWNSTREAM_REMOTE_ADDRESS%'), entry);
  hashConnection({ type: 'source' }, entry);
  expect(toBigInt(first)).toBe(toBigInt(xxHashOf('10.0.0.1:50000')));
});
