/** Why a text cannot be read. Thrown inside the parsers, caught in parse.ts. */
import { limits } from './limits.ts';

export interface TextFaultInit {
  readonly message: string;
  readonly remedy: string;
  /** `malformed` unless said. */
  readonly code?: string;
  /** From 1. */
  readonly line?: number | undefined;
  readonly column?: number | undefined;
  /** Which document of the file, from 0. */
  readonly index?: number | undefined;
}

export class TextFault extends Error {
  readonly remedy: string;
  readonly code: string;
  readonly line: number | undefined;
  readonly column: number | undefined;
  readonly index: number | undefined;
  constructor(init: TextFaultInit) {
    super(init.message);
    this.name = 'TextFault';
    this.remedy = init.remedy;
    this.code = init.code ?? 'malformed';
    this.line = init.line;
    this.column = init.column;
    this.index = init.index;
  }
}

export function lineAndColumn(text: string, offset: number): { line: number; column: number } {
  let line = 1;
  let start = 0;
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) {
    line++;
    start = at + 1;
  }
  return { line, column: offset - start + 1 };
}

export const tooDeep = {
  message: `Lists and objects stand more than ${limits.nesting} deep in one another.`,
  remedy: 'Write a flatter document.',
  code: 'too-large',
} as const;

export const tooManyDocuments = {
  message: `The file holds more than ${limits.documentsPerFile} documents.`,
  remedy: 'Split the file.',
  code: 'too-large',
} as const;

export function duplicateKey(key: string): { message: string; remedy: string } {
  return { message: `The field ${JSON.stringify(key.slice(0, 80))} is written twice.`, remedy: 'Keep one of them.' };
}
