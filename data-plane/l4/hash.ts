/**
 * What a connection's endpoint is chosen by, where its cluster hashes: xxHash64 of a text, as Envoy's TCP proxy makes it.
 * It depends on nothing but the connection, so any number of nodes agree without talking.
 */
import type { Hash64, MutableHash64 } from '../../proto/hashing/hash64.ts';
import { TextBytes } from '../../proto/hashing/text-bytes.ts';
import { xxHash64 } from '../../proto/hashing/xx-hash64.ts';
import type { TcpHashConfig } from '../model/config.ts';
import { type CompiledText, compileText } from '../telemetry/access-log.ts';
import type { LogEntry } from '../telemetry/log-entry.ts';

type TextHash = Extract<TcpHashConfig, { type: 'text' }>;

const text = new TextBytes();
const formats = new WeakMap<TextHash, CompiledText>();

/** The text of a hash, compiled once. */
export function hashFormat(config: TextHash): CompiledText {
  let format = formats.get(config);
  if (format === undefined) {
    // what connections bring comes with each byte a character, so what is fixed has to as well
    const bytes = Buffer.from(config.format, 'utf8').toString('latin1');
    format = compileText(bytes);
    formats.set(config, format);
  }
  return format;
}

/** @param entry what a log would tell of the connection now: who, where to, whom it asks for */
export function hashConnection(config: TcpHashConfig, entry: LogEntry): Hash64 {
  const hash: MutableHash64 = { high: 0, low: 0 };
  const length = text.putLatin1(config.type === 'source' ? entry.downstreamIp : hashFormat(config).format(entry));
  xxHash64(text.bytes, length, hash);
  return hash;
}
