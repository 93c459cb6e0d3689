/** envoy.config.accesslog.v3.AccessLog: logs to a file or to the standard streams, in Envoy's format language. */
import type { FileAccessLog, Listener } from '../../../proto/envoy.ts';
import type { AccessLogConfig } from '../../model/config.ts';
import { defaultLogFormat, parseLogFormat } from '../../model/log-format.ts';
import { checkFields, fieldTable } from './fields.ts';
import { readSample } from './log-sample.ts';
import { anyName, type StructMessage, structToJson, unpackAny } from './messages.ts';
import { type Place, unsupported } from './problems.ts';
import { required } from './values.ts';

type AccessLog = NonNullable<Listener['access_log']>[number];
export type FormatString = NonNullable<FileAccessLog['log_format']>;
type LogFormat = AccessLogConfig['format'];

const accessLogFields = fieldTable('envoy.config.accesslog.v3.AccessLog', {
  carried: ['typed_config', 'filter'],
  ignored: ['name'],
});
const fileFields = fieldTable('envoy.extensions.access_loggers.file.v3.FileAccessLog', {
  carried: ['path', 'log_format', 'format', 'json_format', 'typed_json_format'],
});
const formatFields = fieldTable('envoy.config.core.v3.SubstitutionFormatString', {
  carried: ['text_format', 'json_format', 'text_format_source'],
  // a file has no content type, and a JSON object no order
  ignored: ['content_type', 'json_format_options'],
});
const sourceFields = fieldTable('envoy.config.core.v3.DataSource', { carried: ['inline_string', 'inline_bytes'] });

/** `field` is the name of the list in the message at `place`. */
export function readAccessLogs(
  place: Place,
  logs: readonly AccessLog[] | undefined,
  field = 'access_log',
): AccessLogConfig[] {
  return (logs ?? []).flatMap((log, index) => readAccessLog(place.item(field, index), log) ?? []);
}

function readAccessLog(place: Place, log: AccessLog): AccessLogConfig | null {
  checkFields(place, log, accessLogFields);
  const at = place.field('typed_config');
  const name = anyName(log.typed_config);
  const share = readSample(place.field('filter'), log.filter);
  switch (name) {
    case 'envoy.extensions.access_loggers.file.v3.FileAccessLog': {
      const file = unpackAny(at, name, log.typed_config);
      if (file === null) return null;
      return { path: required(at.field('path'), file.path), format: readFileFormat(at, file), ...share };
    }
    case 'envoy.extensions.access_loggers.stream.v3.StdoutAccessLog':
    case 'envoy.extensions.access_loggers.stream.v3.StderrAccessLog': {
      const stream = unpackAny(at, name, log.typed_config);
      if (stream === null) return null;
      const path = name.endsWith('StdoutAccessLog') ? '/dev/stdout' : '/dev/stderr';
      return { path, format: readFormat(at.field('log_format'), stream.log_format), ...share };
    }
    default:
      at.refuse(`access log ${name || 'without a type'} is ${unsupported}`);
      return null;
  }
}

function readFileFormat(place: Place, file: FileAccessLog): LogFormat {
  checkFields(place, file, fileFields);
  if (file.format !== undefined) return textFormat(place.field('format'), file.format);
  const json = file.json_format ?? file.typed_json_format;
  if (json !== null && json !== undefined) {
    return jsonFormat(place.field(file.json_format ? 'json_format' : 'typed_json_format'), json);
  }
  return readFormat(place.field('log_format'), file.log_format);
}

function readFormat(place: Place, format: FormatString | null | undefined): LogFormat {
  if (format === null || format === undefined) return textFormat(place, defaultLogFormat);
  checkFields(place, format, formatFields);
  if (format.json_format) return jsonFormat(place.field('json_format'), format.json_format);
  if (format.text_format_source) return { type: 'text', text: readSource(place, format.text_format_source) };
  // an empty text is Envoy's default format too
  return textFormat(place.field('text_format'), format.text_format || defaultLogFormat);
}

/** A text that is no log: one value. */
export function readText(place: Place, format: FormatString): string {
  checkFields(place, format, formatFields);
  if (format.json_format) place.field('json_format').refuse(unsupported);
  if (format.text_format_source) return readSource(place, format.text_format_source);
  const at = place.field('text_format');
  const text = required(at, format.text_format);
  checkFormat(at, text);
  return text;
}

function readSource(place: Place, source: NonNullable<FormatString['text_format_source']>): string {
  const at = place.field('text_format_source');
  checkFields(at, source, sourceFields);
  const bytes = source.inline_bytes;
  const text = source.inline_string ?? (bytes === undefined ? '' : Buffer.from(bytes).toString('utf8'));
  checkFormat(at, text);
  return text;
}

function textFormat(place: Place, text: string): LogFormat {
  checkFormat(place, text);
  return { type: 'text', text };
}

function jsonFormat(place: Place, struct: StructMessage): LogFormat {
  const fields = structToJson(struct);
  checkJson(place, fields);
  return { type: 'json', fields };
}

function checkJson(place: Place, value: unknown): void {
  if (typeof value === 'string') checkFormat(place, value);
  else if (Array.isArray(value)) {
    for (const [index, part] of value.entries()) checkJson(place.index(index), part);
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, part] of Object.entries(value)) checkJson(place.field(key), part);
  }
}

function checkFormat(place: Place, text: string): void {
  const parsed = parseLogFormat(text);
  if (!parsed.ok) place.refuse(parsed.message);
}
