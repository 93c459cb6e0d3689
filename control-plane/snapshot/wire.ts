/** The few protobuf wire primitives with which encoded resources and responses are put together. */

const lengthDelimited = 2;

/** A length-delimited field (string, bytes, message): tag, length and content. `field` is under 16. */
export function field(number: number, content: Uint8Array | string): Buffer {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  return Buffer.concat([fieldHead(number, bytes.length), bytes]);
}

/** Tag and length of a length-delimited field; the content follows. */
export function fieldHead(number: number, length: number): Buffer {
  const head = [(number << 3) | lengthDelimited];
  let rest = length;
  while (rest > 0x7f) {
    head.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  head.push(rest);
  return Buffer.from(head);
}
