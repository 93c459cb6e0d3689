/**
 * The Huffman code of RFC 7541, appendix B. It is canonical, so the lengths of its codes say all; codes and the
 * decoder's table are made from them. The decoder takes four bits a step: at most one symbol ends in them.
 */
// biome-ignore format: a table
const codeLengths = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
  28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
  5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7,
  7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
  24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21,
  23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24,
  21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
  26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];

const endOfString = 256;
const codes = makeCodes();

function makeCodes(): Uint32Array {
  const result = new Uint32Array(codeLengths.length);
  const symbols = codeLengths.map((_, symbol) => symbol).sort((a, b) => codeLengths[a]! - codeLengths[b]! || a - b);
  let code = 0;
  let length = codeLengths[symbols[0]!]!;
  for (const symbol of symbols) {
    code = code * 2 ** (codeLengths[symbol]! - length);
    length = codeLengths[symbol]!;
    result[symbol] = code;
    code++;
  }
  return result;
}

/** One step of the decoder: the next state in bits 0-7, a symbol in bits 8-15, and what to make of both. */
const emits = 1 << 16;
const mayEnd = 1 << 17;
const fails = 1 << 18;
const steps = makeSteps();

function makeSteps(): Int32Array {
  // inner nodes as [left, right]: a number from 0 is a node, one below is the symbol -1 - n
  const tree: [number, number][] = [[0, 0]];
  codeLengths.forEach((length, symbol) => {
    let node = 0;
    for (let bit = length - 1; bit >= 0; bit--) {
      const side = Math.floor(codes[symbol]! / 2 ** bit) & 1;
      if (bit === 0) {
        tree[node]![side] = -1 - symbol;
      } else {
        if (tree[node]![side] === 0) tree[node]![side] = tree.push([0, 0]) - 1;
        node = tree[node]![side]!;
      }
    }
  });
  const padding = paddingNodes(tree);
  const result = new Int32Array(tree.length * 16);
  for (let state = 0; state < tree.length; state++) {
    for (let nibble = 0; nibble < 16; nibble++) result[state * 16 + nibble] = stepFrom(tree, padding, state, nibble);
  }
  return result;
}

function stepFrom(tree: [number, number][], padding: readonly number[], state: number, nibble: number): number {
  let node = state;
  let step = 0;
  for (let bit = 3; bit >= 0; bit--) {
    const next = tree[node]![(nibble >> bit) & 1]!;
    if (next >= 0) {
      node = next;
      continue;
    }
    if (next === -1 - endOfString) return fails;
    step |= emits | ((-1 - next) << 8);
    node = 0;
  }
  return step | node | (padding.includes(node) ? mayEnd : 0);
}

/** Where a string may end: after a symbol, or within the at most seven ones that fill its last byte. */
function paddingNodes(tree: [number, number][]): number[] {
  const nodes = [0];
  for (let ones = 1; ones <= 7; ones++) nodes.push(tree[nodes.at(-1)!]![1]!);
  return nodes;
}

/** Room that a decoded string may need: the shortest code has five bits. */
export function decodedBound(length: number): number {
  return Math.ceil((length * 8) / 5);
}

/** @returns the length of what was written to `into` from 0 on, or -1 if the bytes are no Huffman string */
export function decodeHuffman(bytes: Buffer, start: number, end: number, into: Buffer): number {
  let state = 0;
  let length = 0;
  let step = mayEnd;
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    step = steps[state * 16 + (byte >> 4)]!;
    if (step & emits) into[length++] = step >> 8;
    if (step & fails) return -1;
    step = steps[(step & 255) * 16 + (byte & 15)]!;
    if (step & emits) into[length++] = step >> 8;
    if (step & fails) return -1;
    state = step & 255;
  }
  return step & mayEnd ? length : -1;
}

/** Length of the string in bytes, coded. Its characters are below 256. */
export function huffmanLength(text: string): number {
  let bits = 0;
  for (let i = 0; i < text.length; i++) bits += codeLengths[text.charCodeAt(i)]!;
  return (bits + 7) >> 3;
}

/** Writes the string, coded, and returns the place behind it. */
export function encodeHuffman(text: string, into: Buffer, at: number): number {
  let bits = 0;
  let held = 0;
  for (let i = 0; i < text.length; i++) {
    const symbol = text.charCodeAt(i);
    // up to 7 bits held and 30 new ones: more than the 32 of integer arithmetic
    held = (held % 256) * 2 ** codeLengths[symbol]! + codes[symbol]!;
    bits += codeLengths[symbol]!;
    while (bits >= 8) {
      bits -= 8;
      into[at++] = Math.floor(held / 2 ** bits) & 255;
      held %= 2 ** bits;
    }
  }
  if (bits > 0) into[at++] = ((held << (8 - bits)) | (255 >> bits)) & 255;
  return at;
}
