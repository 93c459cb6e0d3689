/** For tests: what an endpoint is told, read anew from the specification and with nothing of ours. */

export interface Told {
  /** `client:port server:port`; `own` for LOCAL and UNKNOWN. */
  readonly who: string;
  /** `type=value` with the type in hexadecimal and the value as Latin-1. */
  readonly tlvs: readonly string[];
  /** Behind the header, as Latin-1. */
  readonly rest: string;
}

/** Null: it is not whole. Throws on what is no header. */
export function readTold(b: Buffer): Told | null {
  if (b.length < 12) return null;
  if (b.toString('latin1', 0, 12) !== '\r\n\r\n\0\r\nQUIT\n') return readLine(b.toString('latin1'));
  if (b.length < 16 || b.length < 16 + b.readUInt16BE(14)) return null;
  const [command, family] = [b[12]!, b[13]!];
  const block = b.subarray(16, 16 + b.readUInt16BE(14));
  const rest = b.toString('latin1', 16 + block.length);
  if (command === 0x20) return { who: 'own', tlvs: [], rest };
  if (command !== 0x21) throw new Error(`command ${command}`);
  const bytes = { 17: 4, 33: 16 }[family];
  if (bytes === undefined) throw new Error(`family ${family}`);
  const address = (at: number): string =>
    bytes === 4
      ? block.subarray(at, at + 4).join('.')
      : (block.toString('hex', at, at + 16).match(/..../g) ?? [])
          .map((g) => Number.parseInt(g, 16).toString(16))
          .join(':');
  const ports = [block.readUInt16BE(2 * bytes), block.readUInt16BE(2 * bytes + 2)];
  const tlvs: string[] = [];
  let at = 2 * bytes + 4;
  while (at < block.length) {
    const end = at + 3 + block.readUInt16BE(at + 1);
    if (end > block.length) throw new Error('a TLV beyond the end');
    tlvs.push(`${block[at]!.toString(16)}=${block.toString('latin1', at + 3, end)}`);
    at = end;
  }
  return { who: `${address(0)}:${ports[0]} ${address(bytes)}:${ports[1]}`, tlvs, rest };
}

function readLine(text: string): Told | null {
  const end = text.indexOf('\r\n');
  if (end < 0) return null;
  const words = text.slice(0, end).split(' ');
  if (words[0] !== 'PROXY') throw new Error(`no header: ${text}`);
  const rest = text.slice(end + 2);
  if (words[1] === 'UNKNOWN') return { who: 'own', tlvs: [], rest };
  if (words.length !== 6 || !/^TCP[46]$/.test(words[1]!)) throw new Error(`no line: ${text}`);
  return { who: `${words[2]}:${words[4]} ${words[3]}:${words[5]}`, tlvs: [], rest };
}
