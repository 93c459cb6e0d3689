/** The envelope of a DeltaDiscoveryResponse, read without its resources: a decoder would cost more than the server. */

export interface Envelope {
  readonly typeUrl: string;
  readonly nonce: string;
}

const typeUrlField = 4;
const nonceField = 5;
const lengthDelimited = 2;

/** Throws for anything but length-delimited fields, which is all that stands in such a message here. */
export function readEnvelope(bytes: Buffer): Envelope {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++];
      if (byte === undefined) throw new RangeError('The response ends in the middle of a number.');
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  let typeUrl = '';
  let nonce = '';
  while (at < bytes.length) {
    const tag = varint();
    if ((tag & 7) !== lengthDelimited)
      throw new TypeError(`Field ${tag >> 3} of the response is not length-delimited.`);
    const length = varint();
    if (tag >> 3 === typeUrlField) typeUrl = bytes.toString('utf8', at, at + length);
    else if (tag >> 3 === nonceField) nonce = bytes.toString('utf8', at, at + length);
    at += length;
  }
  return { typeUrl, nonce };
}
