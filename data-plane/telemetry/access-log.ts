/**
 * Access log formats, compiled once and run over each ended request. A line costs its string and nothing else: what is
 * fixed is joined beforehand, values are escaped only if they must be.
 */
import type { AccessLogConfig } from '../model/config.ts';
import { type LogSegment, parseLogFormat } from '../model/log-format.ts';
import type { LogEntry } from './log-entry.ts';
import { type LogField, logField, readLogField, streamIdCode } from './log-fields.ts';

export interface CompiledAccessLog {
  readonly path: string;
  /** Names, lower-case, of the request headers whose values `LogEntry.requestHeaders` must hold, in this order. */
  readonly requestHeaders: readonly string[];
  readonly readsStreamId: boolean;
  format(entry: LogEntry): string;
}

/** A text in the same language for others than people: what is hashed, what goes into a TLV. Values are as they came. */
export interface CompiledText {
  readonly readsStreamId: boolean;
  /** Latin-1; `-` stands for a value that is not there. */
  format(entry: LogEntry): string;
}

/**
 * Throws on a format that `parseLogFormat` refuses (decode has checked it).
 * @param requestHeaders names are added to this list: give one list to all logs of a listener, so that one array of
 *   values serves all of them
 */
export function compileAccessLog(config: AccessLogConfig, requestHeaders: string[] = []): CompiledAccessLog {
  const compile = new Compiler(requestHeaders);
  if (config.format.type === 'text') compile.text(config.format.text);
  else compile.json(config.format.fields);
  const { fields, after } = compile;
  const format = config.format.type === 'text' ? textFormat(fields, after, true) : jsonFormat(fields, after);
  return { path: config.path, requestHeaders, readsStreamId: readsStreamId(fields), format };
}

/** Throws on a format that `parseLogFormat` refuses (decode has checked it). Request headers are not there. */
export function compileText(format: string): CompiledText {
  const compile = new Compiler([]);
  compile.text(format);
  const { fields, after } = compile;
  return { readsStreamId: readsStreamId(fields), format: textFormat(fields, after, false) };
}

function readsStreamId(fields: readonly LogField[]): boolean {
  return fields.some(({ code }) => code === streamIdCode);
}

/**
 * Where a value stands: in plain text; in JSON as a number; as a string of its own, `null` when there is none; inside a
 * string.
 */
type Place = 'text' | 'number' | 'string' | 'inside';

interface PlacedField extends LogField {
  readonly place: Place;
  /** Fixed text in front. */
  readonly before: string;
}

/** Walks a format once and leaves fields with the fixed text between them. */
class Compiler {
  readonly fields: PlacedField[] = [];
  /** Fixed text behind the last field. */
  after = '';
  readonly #requestHeaders: string[];

  constructor(requestHeaders: string[]) {
    this.#requestHeaders = requestHeaders;
  }

  text(format: string): void {
    for (const segment of segmentsOf(format)) {
      if (segment.type === 'text') this.after += segment.text;
      else this.#field(segment, 'text');
    }
  }

  /** An object and a line break; keys are sorted as Envoy sorts them. */
  json(fields: Readonly<Record<string, unknown>>): void {
    this.#value(fields);
    this.after += '\n';
  }

  #value(value: unknown): void {
    if (typeof value === 'string') {
      this.#string(segmentsOf(value));
    } else if (Array.isArray(value)) {
      this.after += '[';
      value.forEach((one, index) => {
        if (index > 0) this.after += ',';
        this.#value(one);
      });
      this.after += ']';
    } else if (typeof value === 'object' && value !== null) {
      this.after += '{';
      const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
      members.forEach(([key, one], index) => {
        this.after += `${index > 0 ? ',' : ''}${JSON.stringify(key)}:`;
        this.#value(one);
      });
      this.after += '}';
    } else {
      this.after += JSON.stringify(value) ?? 'null';
    }
  }

  /** An operator that stands alone keeps its type; among text it is part of a string. */
  #string(segments: readonly LogSegment[]): void {
    const alone = segments.length === 1 ? segments[0]! : undefined;
    if (alone !== undefined && alone.type !== 'text') {
      this.#field(alone, 'string');
      return;
    }
    this.after += '"';
    for (const segment of segments) {
      if (segment.type === 'text') this.after += JSON.stringify(segment.text).slice(1, -1);
      else this.#field(segment, 'inside');
    }
    this.after += '"';
  }

  #field(segment: Exclude<LogSegment, { type: 'text' }>, place: Place): void {
    const field = logField(segment, this.#requestHeaders);
    this.fields.push({
      ...field,
      place: place === 'string' && field.isNumber ? 'number' : place,
      before: this.after,
    });
    this.after = '';
  }
}

function segmentsOf(format: string): readonly LogSegment[] {
  const parsed = parseLogFormat(format);
  if (!parsed.ok) throw new Error(`access log format: ${parsed.message}`);
  return parsed.value;
}

function read(field: LogField, entry: LogEntry): string {
  let value = readLogField(field.code, entry, field.name);
  if (value === '' && field.fallback !== field.code) value = readLogField(field.fallback, entry, field.name);
  return value.length > field.maxLength ? value.slice(0, field.maxLength) : value;
}

/** @param isLine nothing that came from outside may end it, or move a terminal */
function textFormat(fields: readonly PlacedField[], after: string, isLine: boolean): (entry: LogEntry) => string {
  return (entry) => {
    let line = '';
    for (let index = 0; index < fields.length; index++) {
      const field = fields[index]!;
      let value = read(field, entry) || '-';
      if (isLine && field.isWild) value = value.replace(controls, '?');
      line += field.before + value;
    }
    return line + after;
  };
}

const controls = /[\0-\x1f\x7f-\x9f]/g;

/** Joining strings is most of the cost, so each quote is part of the fixed text beside it. */
function jsonFormat(fields: readonly PlacedField[], after: string): (entry: LogEntry) => string {
  const steps = fields.map((field) => ({
    field,
    before: field.before,
    beforeString: field.before + '"',
    // Behind a string that is still open:
    closing: '"' + field.before,
    closingString: '"' + field.before + '"',
  }));
  return (entry) => {
    let line = '';
    let open = false;
    for (let index = 0; index < steps.length; index++) {
      const step = steps[index]!;
      const field = step.field;
      let value = read(field, entry);
      if (!field.isClean && mustEscape.test(value)) value = escapeJson(value);
      if (field.place === 'string' && value !== '') {
        line += (open ? step.closingString : step.beforeString) + value;
        open = true;
      } else {
        if (value === '') value = field.place === 'inside' ? '-' : 'null';
        line += (open ? step.closing : step.before) + value;
        open = false;
      }
    }
    return line + (open ? '"' + after : after);
  };
}

const mustEscape = /[^ !#-[\]-~]/;

const beyondLatin1 = /[^\0-\xff]/;

/** Header bytes were read as Latin-1; where they are UTF-8, they are shown as such. */
function escapeJson(value: string): string {
  const utf8 = beyondLatin1.test(value) ? value : Buffer.from(value, 'latin1').toString('utf8');
  return JSON.stringify(utf8.includes('\ufffd') ? value : utf8).slice(1, -1);
}
