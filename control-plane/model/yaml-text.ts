/**
 * YAML 1.2 core, one or several documents. The yaml package reads the text, bounded in parts and depth on the way;
 * its tree becomes values here, so that aliases stay bounded and fields written twice cost no quadratic search. Throws TextFault.
 */
import {
  Composer,
  type CST,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  Parser,
  type YAMLError,
} from 'yaml';
import { define } from './json-text.ts';
import { limits } from './limits.ts';
import { duplicateKey, TextFault, type TextFaultInit, tooDeep, tooManyDocuments } from './text-fault.ts';

interface Place {
  readonly lines: LineCounter;
  /** Documents read so far. */
  readonly index: number;
}

/** Open tokens that the parser may hold: past it the composer's recursion would only find the same fault later. */
const deepest = 2 * limits.nesting + 8;

const oddKey = { message: 'The name of a field is not a text.', remedy: 'Write `name: value`.' } as const;

const tooManyTokens = {
  message: `The text has more than ${limits.yamlTokens} parts.`,
  remedy: 'Split the file, or send it as JSON, which is read much faster.',
  code: 'too-large',
} as const;

export function parseYaml(text: string): unknown[] {
  const lines = new LineCounter();
  const parser = new Parser(lines.addNewLine);
  const composer = new Composer({
    version: '1.2',
    schema: 'core',
    resolveKnownTags: false,
    stringKeys: true,
    uniqueKeys: false,
    prettyErrors: false,
  });
  const found: unknown[] = [];
  const budget = { aliased: 0 };

  function add(document: Document.Parsed): void {
    const place: Place = { lines, index: found.length };
    const fault = document.errors[0] ?? document.warnings[0];
    if (fault !== undefined) throw unreadable(fault, place);
    const value = document.contents === null ? null : valueIn(document.contents, place, budget);
    if (value === null) return;
    if (found.length === limits.documentsPerFile) throw new TextFault(tooManyDocuments);
    found.push(value);
  }

  function compose(token: CST.Token): void {
    for (const document of composer.next(token)) add(document);
  }

  let lexemes = 0;
  lines.addNewLine(0);
  for (const lexeme of new Lexer().lex(text)) {
    const place: Place = { lines, index: found.length };
    if (++lexemes > limits.yamlTokens) throw at(tooManyTokens, parser.offset, place);
    for (const token of parser.next(lexeme)) compose(token);
    if (parser.stack.length > deepest) throw at(tooDeep, parser.offset, place);
  }
  for (const token of parser.end()) compose(token);
  for (const document of composer.end()) add(document);
  return found;
}

function at(init: TextFaultInit, offset: number, { lines, index }: Place): TextFault {
  const { line, col } = lines.linePos(offset);
  return new TextFault({ ...init, line, column: col, index });
}

function unreadable(error: YAMLError, place: Place): TextFault {
  if (error.code === 'NON_STRING_KEY') return at(oddKey, error.pos[0], place);
  const tag = error.code === 'TAG_RESOLVE_FAILED';
  const remedy = tag
    ? 'Take the tag out; quotes make a text of anything.'
    : 'Correct it there; indentation, colons and quotes are the usual causes.';
  return at({ message: sentence(error.message), remedy }, error.pos[0], place);
}

function sentence(message: string): string {
  const [first = ''] = message.split('\n');
  return first.endsWith('.') ? first : `${first}.`;
}

interface Anchored {
  readonly value: unknown;
  /** How many values it holds, itself included. */
  readonly values: number;
}

function valueIn(root: Node, place: Place, budget: { aliased: number }): unknown {
  // `null`: its own value is still being read, and an alias to it would be a circle.
  const anchors = new Map<string, Anchored | null>();

  function read(node: Node | null | undefined, depth: number): Anchored {
    if (node === null || node === undefined) return { value: null, values: 1 };
    const offset = node.range?.[0] ?? 0;
    if (depth > limits.nesting) throw at(tooDeep, offset, place);
    if (isAlias(node)) return aliased(node.source, offset);
    const { anchor } = node;
    if (anchor) anchors.set(anchor, null);
    const result = isMap(node) || isSeq(node) ? collection(node, depth, offset) : scalar(node);
    if (anchor) anchors.set(anchor, result);
    return result;
  }

  function scalar(node: Node): Anchored {
    return { value: isScalar(node) ? node.value : null, values: 1 };
  }

  function collection(node: Node, depth: number, offset: number): Anchored {
    let values = 1;
    if (isSeq(node)) {
      const list = node.items.map((item) => {
        const element = read(item as Node, depth + 1);
        values += element.values;
        return element.value;
      });
      return { value: list, values };
    }
    const object: Record<string, unknown> = {};
    if (!isMap(node)) return { value: object, values };
    for (const pair of node.items) {
      const key = pair.key as Node;
      const name = isScalar(key) ? String(key.value ?? '') : undefined;
      const position = key?.range?.[0] ?? offset;
      if (name === undefined) {
        throw at(oddKey, position, place);
      }
      if (Object.hasOwn(object, name)) throw at(duplicateKey(name), position, place);
      const field = read(pair.value as Node | null, depth + 1);
      values += field.values;
      define(object, name, field.value);
    }
    return { value: object, values };
  }

  function aliased(name: string, offset: number): Anchored {
    const target = anchors.get(name);
    if (target === undefined) {
      const message = `There is no anchor \`&${name}\` before this alias.`;
      throw at(
        { message, remedy: `Write \`&${name}\` where the value stands first, or quote the text.` },
        offset,
        place,
      );
    }
    if (target === null) {
      const message = `The alias \`*${name}\` stands inside the value that it repeats.`;
      throw at({ message, remedy: 'Write the value out.' }, offset, place);
    }
    budget.aliased += target.values;
    if (budget.aliased > limits.aliasedValues) {
      const message = `Aliases stand for more than ${limits.aliasedValues} values.`;
      throw at({ message, remedy: 'Write the values out.', code: 'too-large' }, offset, place);
    }
    return target;
  }

  return read(root, 0).value;
}
