import { expect, test } from 'vitest';
import { formatAddress, parseAddress, reachable, readSettings } from './settings.ts';

test('without flags and variables the defaults of the contract hold', () => {
  expect(readSettings({}, {}, '/srv')).toEqual({
    api: { host: '127.0.0.1', port: 7070 },
    xds: { host: '127.0.0.1', port: 7071 },
    xdsTls: undefined,
    home: '/srv/.fairlead',
    databaseUrl: undefined,
    adminToken: undefined,
    key: undefined,
  });
});

test('a flag wins over the variable of its name, and an empty variable is not set', () => {
  const environment = {
    FAIRLEAD_API: '0.0.0.0:1',
    FAIRLEAD_XDS: '[::1]:2',
    FAIRLEAD_HOME: 'state',
    FAIRLEAD_ADMIN_TOKEN: '',
    DATABASE_URL: 'postgres://u:p@h/d',
  };
  expect(readSettings({ api: '127.0.0.1:9' }, environment, '/srv')).toEqual({
    api: { host: '127.0.0.1', port: 9 },
    xds: { host: '::1', port: 2 },
    xdsTls: undefined,
    home: '/srv/state',
    databaseUrl: 'postgres://u:p@h/d',
    adminToken: undefined,
    key: undefined,
  });
});

test('the files of a TLS port are found from the working directory, flags first', () => {
  const environment = { FAIRLEAD_XDS_CERT: 'tls/cp.pem', FAIRLEAD_XDS_KEY: '/etc/cp.key', FAIRLEAD_XDS_CLIENT_CA: '' };
  const { xdsTls } = readSettings({ xdsCert: 'mine.pem' }, environment, '/srv');
  expect(xdsTls).toEqual({ cert: '/srv/mine.pem', key: '/etc/cp.key', clientCa: undefined });
  expect(readSettings({ xdsClientCa: 'ca.pem' }, environment, '/srv').xdsTls).toEqual({
    ...{ cert: '/srv/tls/cp.pem', key: '/etc/cp.key', clientCa: '/srv/ca.pem' },
  });
});

test.each([
  [{ xdsCert: 'x' }, /^FAIRLEAD_XDS_KEY \(--xds-key\) is missing/],
  [{ xdsKey: 'x' }, /^FAIRLEAD_XDS_CERT \(--xds-cert\) is missing/],
  [{ xdsClientCa: 'x' }, /^FAIRLEAD_XDS_CERT \(--xds-cert\) and FAIRLEAD_XDS_KEY \(--xds-key\) is missing/],
])('%j alone makes no TLS port, and the message names what is missing', (flags, message) => {
  expect(() => readSettings(flags, {}, '/srv')).toThrow(message);
});

test.each(['7070', 'host', 'host:', 'host:65536', 'http://host:1', '::1:7070', 'a b:1', ''])(
  '%j is no address, and the message names the setting',
  (text) => {
    expect(() => parseAddress(text, 'FAIRLEAD_API (--api)')).toThrow('FAIRLEAD_API (--api)');
  },
);

test('a database URL that is not one is refused without showing the password in it', () => {
  const read = () => readSettings({ databaseUrl: 'mysql://u:hunter2@h/d' }, {}, '/');
  expect(read).toThrow('postgres://');
  expect(read).not.toThrow('hunter2');
});

test('a token that no header could carry is refused', () => {
  expect(() => readSettings({}, { FAIRLEAD_ADMIN_TOKEN: 'a b' }, '/')).toThrow('FAIRLEAD_ADMIN_TOKEN');
});

test('addresses are written as they are read, and wildcards are reached on loopback', () => {
  for (const text of ['127.0.0.1:7070', '[::1]:7070', 'localhost:0']) {
    expect(formatAddress(parseAddress(text, 'x'))).toBe(text);
  }
  expect(formatAddress(reachable(parseAddress(':80', 'x')))).toBe('127.0.0.1:80');
  expect(formatAddress(reachable(parseAddress('[::]:80', 'x')))).toBe('[::1]:80');
});

test('a key is 32 bytes in hex or base64; what is none is refused without being shown', () => {
  const bytes = Buffer.alloc(32, 'k');
  for (const form of [bytes.toString('hex'), bytes.toString('hex').toUpperCase(), bytes.toString('base64')]) {
    expect(readSettings({}, { FAIRLEAD_KEY: form }, '/').key).toEqual(bytes);
  }
  for (const text of ['hunter2', 'a'.repeat(63), `${bytes.toString('hex')}00`, bytes.subarray(1).toString('base64')]) {
    const read = () => readSettings({}, { FAIRLEAD_KEY: text }, '/');
    expect(read, text).toThrow('FAIRLEAD_KEY is not a key');
    expect(read, text).not.toThrow(text);
  }
});
