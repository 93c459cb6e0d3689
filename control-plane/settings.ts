/** What a control-plane process is told by its environment and flags (a flag wins over the variable of its name). */
import path from 'node:path';

export interface Address {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
}

export interface XdsTlsFiles {
  readonly cert: string;
  readonly key: string;
  /** Undefined: clients are not asked for certificates. */
  readonly clientCa: string | undefined;
}

export interface Settings {
  readonly api: Address;
  readonly xds: Address;
  /** Absolute paths of the files with which the xDS port speaks TLS; undefined: it is plain. */
  readonly xdsTls: XdsTlsFiles | undefined;
  /** Folder for all state of this process; absolute. */
  readonly home: string;
  /** Undefined: the embedded store under `home`. */
  readonly databaseUrl: string | undefined;
  /** The bootstrap administrator token; undefined: none was said. */
  readonly adminToken: string | undefined;
  /** 32 bytes that encrypt stored Secrets; undefined: with the embedded store the key in `home`, else none. */
  readonly key?: Buffer | undefined;
}

/** Flags by their long name; undefined where not given. */
export interface SettingsFlags {
  readonly api?: string | undefined;
  readonly xds?: string | undefined;
  readonly xdsCert?: string | undefined;
  readonly xdsKey?: string | undefined;
  readonly xdsClientCa?: string | undefined;
  readonly home?: string | undefined;
  readonly databaseUrl?: string | undefined;
  readonly adminToken?: string | undefined;
}

/** Thrown for a setting that cannot be used; says which, and what to write instead. */
export class SettingsError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'SettingsError';
  }
}

export function readSettings(flags: SettingsFlags, environment: NodeJS.ProcessEnv, workingDirectory: string): Settings {
  return {
    api: parseAddress(flags.api ?? given(environment['FAIRLEAD_API']) ?? '127.0.0.1:7070', 'FAIRLEAD_API (--api)'),
    xds: parseAddress(flags.xds ?? given(environment['FAIRLEAD_XDS']) ?? '127.0.0.1:7071', 'FAIRLEAD_XDS (--xds)'),
    xdsTls: readXdsTls(flags, environment, workingDirectory),
    home: readHome(flags.home, environment, workingDirectory),
    databaseUrl: parseDatabaseUrl(flags.databaseUrl ?? given(environment['DATABASE_URL'])),
    adminToken: parseToken(flags.adminToken ?? given(environment['FAIRLEAD_ADMIN_TOKEN'])),
    key: keyOf(given(environment['FAIRLEAD_KEY'])),
  };
}

function readXdsTls(
  flags: SettingsFlags,
  environment: NodeJS.ProcessEnv,
  workingDirectory: string,
): XdsTlsFiles | undefined {
  const file = (flag: string | undefined, variable: string): string | undefined => {
    const name = flag ?? given(environment[variable]);
    return name === undefined ? undefined : path.resolve(workingDirectory, name);
  };
  const cert = file(flags.xdsCert, 'FAIRLEAD_XDS_CERT');
  const key = file(flags.xdsKey, 'FAIRLEAD_XDS_KEY');
  const clientCa = file(flags.xdsClientCa, 'FAIRLEAD_XDS_CLIENT_CA');
  if (cert !== undefined && key !== undefined) return { cert, key, clientCa };
  if (cert === undefined && key === undefined && clientCa === undefined) return undefined;
  const missing = [
    ...(cert === undefined ? ['FAIRLEAD_XDS_CERT (--xds-cert)'] : []),
    ...(key === undefined ? ['FAIRLEAD_XDS_KEY (--xds-key)'] : []),
  ].join(' and ');
  throw new SettingsError(
    `${missing} is missing: TLS on the xDS port takes a certificate and its key, each in a PEM file. Set it, or none of FAIRLEAD_XDS_CERT, FAIRLEAD_XDS_KEY and FAIRLEAD_XDS_CLIENT_CA for a plain port.`,
  );
}

export function readHome(flag: string | undefined, environment: NodeJS.ProcessEnv, workingDirectory: string): string {
  return path.resolve(workingDirectory, flag ?? given(environment['FAIRLEAD_HOME']) ?? '.fairlead');
}

/** `HOST:PORT`; IPv6 in brackets; `:PORT` is every IPv4 interface. `name` is the setting, for the message. */
export function parseAddress(text: string, name: string): Address {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s/]*)):(\d{1,5})$/.exec(text.trim());
  const port = Number(match?.[3]);
  if (!match || port > 65_535) {
    throw new SettingsError(
      `${name} is "${text}", which is not HOST:PORT. Write for example 127.0.0.1:7070, [::1]:7070, or 127.0.0.1:0 for a free port.`,
    );
  }
  return { host: match[1] ?? (match[2] || '0.0.0.0'), port };
}

export function formatAddress({ host, port }: Address): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** The address by which this machine reaches a server bound there: wildcards become loopback. */
export function reachable({ host, port }: Address): Address {
  if (host === '0.0.0.0') return { host: '127.0.0.1', port };
  return host === '::' ? { host: '::1', port } : { host, port };
}

function parseDatabaseUrl(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const protocol = URL.canParse(text) ? new URL(text).protocol : '';
  if (protocol === 'postgres:' || protocol === 'postgresql:') return text;
  // The text may hold a password, so the message does not repeat it.
  throw new SettingsError(
    'DATABASE_URL (--database-url) is not a Postgres URL. Write postgres://USER:PASSWORD@HOST:5432/DATABASE, or unset it for the embedded store.',
  );
}

function parseToken(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  if (/^[\x21-\x7e]+$/.test(text)) return text;
  throw new SettingsError(
    'FAIRLEAD_ADMIN_TOKEN (--admin-token) holds characters that an Authorization header cannot carry. Use printable ASCII without spaces, for example the output of: openssl rand -hex 32',
  );
}

function keyOf(text: string | undefined): Buffer | undefined {
  return text === undefined ? undefined : parseKey(text, 'FAIRLEAD_KEY');
}

/** 32 bytes in hex or base64. `name` is where the text stands, for the message, which never repeats it. */
export function parseKey(text: string, name: string): Buffer {
  const key = /^[0-9a-fA-F]{64}$/.test(text) ? Buffer.from(text, 'hex') : Buffer.from(text, 'base64');
  const isBase64 = /^[A-Za-z0-9+/_-]{43}=?$/.test(text);
  if (key.length === 32 && (text.length === 64 || isBase64)) return key;
  throw new SettingsError(
    `${name} is not a key: it must be 32 bytes in hex or base64, for example the output of: openssl rand -hex 32`,
  );
}

/** A variable that is set to nothing is not set. */
function given(value: string | undefined): string | undefined {
  return value === undefined || value.trim() === '' ? undefined : value.trim();
}
