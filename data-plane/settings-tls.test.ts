import { expect, test } from 'vitest';
import { readSettings, SettingsError } from './settings.ts';

const node = ['--group', 'edge', '--id', 'n1'];
const tls = (flags: readonly string[], env: NodeJS.ProcessEnv = {}) => readSettings([...node, ...flags], env).xdsTls;

test('the files of TLS come from flags, then from the environment; without any the connection is plain', () => {
  expect(tls([], { FAIRLEAD_XDS_CA: '' })).toBeUndefined();
  expect(tls(['--xds-ca', 'a.pem'], { FAIRLEAD_XDS_CA: 'b.pem' })).toEqual({ ca: 'a.pem', client: undefined });
  const env = { FAIRLEAD_XDS_CA: 'ca.pem', FAIRLEAD_XDS_CERT: 'n.pem', FAIRLEAD_XDS_KEY: 'n.key' };
  expect(tls([], env)).toEqual({ ca: 'ca.pem', client: { cert: 'n.pem', key: 'n.key' } });
});

test.each([
  [['--xds-cert', 'x', '--xds-key', 'x'], '--xds-ca (FAIRLEAD_XDS_CA) is missing'],
  [['--xds-ca', 'x', '--xds-cert', 'x'], '--xds-key (FAIRLEAD_XDS_KEY) is missing'],
  [['--xds-ca', 'x', '--xds-key', 'x'], '--xds-cert (FAIRLEAD_XDS_CERT) is missing'],
  [['--xds-key', 'x'], '--xds-ca (FAIRLEAD_XDS_CA) and --xds-cert (FAIRLEAD_XDS_CERT) is missing'],
])('%j is refused with what is missing', (flags, message) => {
  expect(() => tls(flags)).toThrow(SettingsError);
  expect(() => tls(flags)).toThrow(message);
});
