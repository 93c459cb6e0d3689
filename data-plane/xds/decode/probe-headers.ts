/** Headers that a health check adds to its request. */
import type { HealthCheck } from '../../../proto/envoy.ts';
import type { HttpProbeConfig } from '../../model/config.ts';
import { parseLogFormat } from '../../model/log-format.ts';
import { checkFields, fieldTable } from './fields.ts';
import { type Place, unsupported } from './problems.ts';

type Option = NonNullable<NonNullable<HealthCheck['http_health_check']>['request_headers_to_add']>[number];

const optionFields = fieldTable('envoy.config.core.v3.HeaderValueOption', {
  // a header that stands in the request already is replaced: there are no others than the agent
  carried: ['header'],
  ignored: ['append_action', 'append'],
});
const headerFields = fieldTable('envoy.config.core.v3.HeaderValue', { carried: ['key', 'value'] });

/** The request line and its framing say these. */
const reserved =
  /^(?:host|:.*|content-length|transfer-encoding|connection|te|trailer|upgrade|keep-alive|expect|http2-settings|proxy-connection)$/;

/** What is empty is not added, as in Envoy. */
export function readProbeHeaders(place: Place, options: readonly Option[]): HttpProbeConfig['headers'] {
  return options
    .map((option, index) => readOption(place.item('request_headers_to_add', index), option))
    .filter(({ value }) => value !== '');
}

function readOption(place: Place, option: Option): HttpProbeConfig['headers'][number] {
  checkFields(place, option, optionFields);
  const at = place.field('header');
  checkFields(at, option.header ?? {}, headerFields);
  const name = (option.header?.key ?? '').toLowerCase();
  if (reserved.test(name)) at.field('key').refuse(`to change ${name} is ${unsupported}`);
  else if (!/^[!#$%&'*+.^`|~0-9a-z_-]+$/.test(name)) at.field('key').refuse('must be the name of a header');
  return { name, value: readValue(at.field('value'), option.header?.value ?? '') };
}

/** `%%` is a percent sign; of variables there is none, as nobody asked. */
function readValue(place: Place, text: string): string {
  if (/[^\x20-\x7e\t]/.test(text)) place.refuse('must hold visible ASCII characters alone');
  const parsed = parseLogFormat(text);
  if (!parsed.ok) {
    place.refuse(parsed.message);
    return '';
  }
  if (parsed.value.some(({ type }) => type !== 'text')) place.refuse(`a variable is ${unsupported}`);
  return parsed.value.map((segment) => (segment.type === 'text' ? segment.text : '')).join('');
}
