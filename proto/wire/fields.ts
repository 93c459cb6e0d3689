/**
 * Small protobuf messages that come with each request, read field by field, where a decoder that makes an object of all of
 * it would be too much. `Reader` and `Writer` are protobufjs's; what they read throws where the bytes end too soon.
 */
import protobuf from 'protobufjs/minimal.js';

export const { Reader, Writer } = protobuf;

/** Passes over a field that is not known. @throws RangeError for what no field begins with, groups included */
export function skipField(reader: protobuf.Reader, tag: number): void {
  const wire = tag & 7;
  if (tag < 8 || wire === 3 || wire === 4) throw new RangeError(`${tag} is no tag of a field.`);
  reader.skipType(wire);
}
