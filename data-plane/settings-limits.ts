/** The limits of a node, as its operator writes them: `NAME=VALUE`, bytes with KiB or MiB. */
import { type NodeLimits, nodeLimits } from './limits.ts';

interface Setting {
  readonly field: keyof NodeLimits;
  readonly unit: 'count' | 'bytes';
  readonly least: number;
  readonly most: number;
}

const settings: Readonly<Record<string, Setting>> = {
  connections: { field: 'connections', unit: 'count', least: 1, most: 10_000_000 },
  'connections-per-address': { field: 'connectionsPerAddress', unit: 'count', least: 0, most: 10_000_000 },
  'request-line': { field: 'requestLineBytes', unit: 'bytes', least: 256, most: 1024 * 1024 },
  'chunk-extensions': { field: 'chunkExtensionBytes', unit: 'bytes', least: 0, most: 1024 * 1024 },
  'trailer-bytes': { field: 'trailerBytes', unit: 'bytes', least: 0, most: 1024 * 1024 },
  trailers: { field: 'trailers', unit: 'count', least: 0, most: 1_000 },
};

const factors = { '': 1, KiB: 1024, MiB: 1024 * 1024 } as const;

/**
 * @param written each `NAME=VALUE`; a later one wins
 * @throws Error that says which one is wrong, and how to write it
 */
export function readLimits(written: readonly string[]): NodeLimits {
  const limits: { -readonly [Name in keyof NodeLimits]: NodeLimits[Name] } = { ...nodeLimits };
  for (const one of written) {
    const [, name, value] = /^\s*([a-z-]+)=(\S+)\s*$/.exec(one) ?? [];
    const setting = name === undefined ? undefined : settings[name];
    if (setting === undefined || value === undefined) {
      const names = Object.keys(settings).join(', ');
      throw new Error(`the limit "${one}" is none: write NAME=VALUE with a NAME of ${names}`);
    }
    limits[setting.field] = readValue(name!, value, setting);
  }
  return limits;
}

function readValue(name: string, text: string, { unit, least, most }: Setting): number {
  const [, digits, suffix] = /^([0-9]{1,9})(KiB|MiB|)$/.exec(text) ?? [];
  const value = Number(digits) * factors[suffix as keyof typeof factors];
  if ((unit === 'count' && suffix !== '') || !(value >= least && value <= most)) {
    const example = unit === 'bytes' ? 'bytes, as in 8192 or 8KiB,' : 'a whole number';
    throw new Error(`the limit ${name} cannot be "${text}": write ${example} from ${least} to ${most}`);
  }
  return value;
}
