/** Buffer methods that Node has always had and @types/node leaves out: no encoding dispatch on the hot path. */
interface Buffer {
  latin1Slice(start: number, end: number): string;
  latin1Write(text: string, offset: number): number;
}
