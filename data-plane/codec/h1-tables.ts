/** Byte tables of HTTP/1 (RFC 9110 section 5.6, RFC 9112, RFC 3986). */

const token = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/** Token bytes (methods, header names). */
export const isToken: Uint8Array = new Uint8Array(256);
for (const char of token) isToken[char.charCodeAt(0)] = 1;

/** Lower-cased header-name byte, or 0 where the fast loop must stop: no token byte, or `_` (which is noted). */
export const lowerName: Uint8Array = new Uint8Array(256);
for (const char of token) if (char !== '_') lowerName[char.charCodeAt(0)] = char.toLowerCase().charCodeAt(0);

/** Field-value bytes: HTAB, SP, VCHAR, obs-text. */
export const isValue: Uint8Array = new Uint8Array(256);
for (let byte = 0; byte < 256; byte++) isValue[byte] = byte === 9 || (byte >= 32 && byte !== 127) ? 1 : 0;

const pathPlain = 1;
export const pathSlow = 2;
/** Request-target bytes before `?`: plain, in need of a closer look (`%` and what has to be escaped), or 0. */
export const pathByte: Uint8Array = new Uint8Array(256);
/** Request-target bytes after `?`: anything printable but `#` and what browsers escape; they leave the rest of it alone. */
export const queryByte: Uint8Array = new Uint8Array(256);
for (let byte = 33; byte < 127; byte++) {
  pathByte[byte] = pathPlain;
  queryByte[byte] = 1;
}
for (const char of '#"<>\\?') pathByte[char.charCodeAt(0)] = 0;
for (const char of '%^`{|}') pathByte[char.charCodeAt(0)] = pathSlow;
for (const char of '#"<>') queryByte[char.charCodeAt(0)] = 0;

/** Value of a hexadecimal digit, or 255. */
export const hexValue: Uint8Array = new Uint8Array(256).fill(255);
for (let digit = 0; digit < 16; digit++) {
  const char = digit.toString(16);
  hexValue[char.charCodeAt(0)] = digit;
  hexValue[char.toUpperCase().charCodeAt(0)] = digit;
}

export const CR = 13;
export const LF = 10;
export const SP = 32;
export const HTAB = 9;
export const COLON = 58;
export const SEMICOLON = 59;
