/** The limits of a node, as its operator writes them: `NAME=VALUE`, with a unit where it has one. */
import { type NodeLimits, nodeLimits } from './limits.ts';

interface Setting {
  readonly field: keyof NodeLimits;
  readonly unit: 'count' | 'bytes' | 'percent' | 'ms';
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
  'shed-idle': { field: 'shedIdlePercent', unit: 'percent', least: 1, most: 100 },
  'stop-accepting': { field: 'stopAcceptingPercent', unit: 'percent', least: 1, most: 100 },
  'loop-busy': { field: 'loopBusyPercent', unit: 'percent', least: 0, most: 100 },
  announce: { field: 'announceMs', unit: 'ms', least: 0, most: 600_000 },
  'loop-delay': { field: 'loopDelayMs', unit: 'ms', least: 0, most: 60_000 },
};

/** What may stand behind the digits, and how to say so. */
const units: Readonly<Record<Setting['unit'], { factors: Readonly<Record<string, number>>; words: string }>> = {
  count: { factors: { '': 1 }, words: 'a whole number' },
  bytes: { factors: { '': 1, KiB: 1024, MiB: 1024 * 1024 }, words: 'bytes, as in 8192 or 8KiB,' },
  percent: { factors: { '%': 1 }, words: 'a percentage, as in 95%,' },
  ms: { factors: { ms: 1 }, words: 'milliseconds, as in 100ms,' },
};

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
  const { factors, words } = units[unit];
  const [, digits, suffix] = /^([0-9]{1,9})(\D*)$/.exec(text) ?? [];
  const value = Number(digits) * (factors[suffix ?? ''] ?? Number.NaN);
  if (value >= least && value <= most) return value;
  throw new Error(`the limit ${name} cannot be "${text}": write ${words} from ${least} to ${most}`);
}
