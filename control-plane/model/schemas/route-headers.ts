/** Headers that a route removes, sets and adds. */
import { z } from 'zod';
import { limits } from '../limits.ts';
import { type Fault, type Parsed, show } from '../problems.ts';
import type { HeaderChangesSpec, RouteSpec } from '../specs.ts';
import { about, type Field, fields, listOf, report, text } from './fields.ts';

/** They would smuggle requests, hang them, or step round a cap; and what the proxy itself says. */
const reserved =
  /^(?:host|:.*|content-length|transfer-encoding|connection|te|trailer|upgrade|keep-alive|expect|http2-settings|proxy|proxy-.*|x-envoy-.*|x-forwarded-.*|x-request-id|server|date)$/;

function parseName(written: string): Parsed<string> {
  const name = written.toLowerCase();
  if (reserved.test(name)) {
    const detail = `${show(written)} may not be changed by a route.`;
    const remedy = name === 'host' || name.startsWith(':') ? 'Say `rewrite.host`.' : 'Choose another header.';
    return { ok: false, fault: { detail, remedy } };
  }
  if (/^[!#$%&'*+.^`|~0-9a-z-]+$/.test(name) && name.length <= limits.labelKeyLength) return { ok: true, value: name };
  const fault = { detail: `${show(written)} is no name of a header.`, remedy: 'Write letters, digits and `-`.' };
  return { ok: false, fault };
}

/** Variables that every proxy knows and that are known before the answer comes. */
const variables = ['DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT', 'PROTOCOL', 'ROUTE_NAME'];
const readable = /^(?!(?:x-envoy-|x-forwarded-|x-request-id|host$))[!#$&'*+.^`|~0-9a-z-]+$/;

function valueFault(value: string): Fault | undefined {
  const remedy = `Write \`%%\` for a percent sign; variables are ${['REQ(header)', ...variables].join(', ')}.`;
  if (value === '') return { detail: 'The value is empty.', remedy: 'Write one, or `remove` the header.' };
  if (value.length > limits.textLength || /[^\x20-\x7e]|^ | $/.test(value)) {
    return { detail: 'This is no value that a header can carry.', remedy: 'Write visible ASCII characters.' };
  }
  for (const [found, inside] of value.matchAll(/%([^%]*)(?:%|$)/g)) {
    if (found === '%%') continue;
    if (!found.endsWith('%') || found.length < 2) return { detail: 'A percent sign stands alone.', remedy };
    const names = /^REQ\(([^()]*)\)(?::[0-9]{1,4})?$/
      .exec(inside ?? '')?.[1]
      ?.toLowerCase()
      .split('?');
    if (variables.includes(inside ?? '')) continue;
    if (names !== undefined && names.length <= 2 && names.every((name) => readable.test(name))) continue;
    return { detail: `${show(found)} is no variable here.`, remedy };
  }
  return undefined;
}

/** Name to value. */
export function headerValues(): Field<Record<string, string>> {
  return z
    .record(z.string(), z.string({ error: 'Write a text; numbers in quotes.' }), {
      error: 'Write an object of texts, such as `{ x-team: checkout }`.',
    })
    .transform((written, ctx) => {
      const read: Record<string, string> = {};
      for (const [key, value] of Object.entries(written)) {
        const name = parseName(key);
        const fault = name.ok ? valueFault(value) : name.fault;
        if (fault !== undefined) report(ctx, fault, { path: [key] });
        else if (name.ok) {
          if (Object.hasOwn(read, name.value)) {
            report(ctx, { detail: 'This header stands twice.', remedy: 'Keep one of them.' }, { path: [key] });
          }
          read[name.value] = value;
        }
      }
      return read;
    })
    .meta({ 'x-type': 'object of texts' });
}

const nothing: HeaderChangesSpec = { remove: [], set: {}, add: {} };

function changes(message: 'request' | 'response'): Field<HeaderChangesSpec> {
  const added = `Route.${message}_headers_to_add`;
  return fields({
    remove: about(
      listOf(text('header name', 'Write the name of a header.', parseName), { most: limits.headerConditions }).prefault(
        [],
      ),
      'These go, whatever they hold.',
      `Route.${message}_headers_to_remove`,
    ),
    set: about(headerValues().prefault({}), 'Name to value; instead of what is there.', added),
    add: about(headerValues().prefault({}), 'Name to value; beside what is there.', added),
  });
}

export const headersSchema: Field<RouteSpec['headers']> = fields({
  request: about(changes('request').optional(), 'Of the request on its way to the cluster.', 'Route'),
  response: about(changes('response').optional(), 'Of the answer.', 'Route'),
}).transform(({ request, response }) => ({ request: request ?? nothing, response: response ?? nothing }));

export const noHeaderChanges: RouteSpec['headers'] = { request: nothing, response: nothing };
