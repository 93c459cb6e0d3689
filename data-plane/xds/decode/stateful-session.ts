/** envoy.extensions.filters.http.stateful_session.v3: clients that stay on the endpoint that served them. */
import type { MessageTypes, StatefulSession, StatefulSessionPerRoute } from '../../../proto/envoy.ts';
import { stickyMetadata } from '../../../proto/names.ts';
import type { HttpChainConfig, RouteConfig, StickySessionConfig } from '../../model/config.ts';
import { type HttpFilter, readChainFilter } from './chain-filter.ts';
import { checkFields, fieldTable } from './fields.ts';
import { anyName, type StructMessage, structToJson, unpackAny } from './messages.ts';
import { type Place, unsupported } from './problems.ts';
import { millis, required, wireText } from './values.ts';

const filter = 'envoy.extensions.filters.http.stateful_session.v3';
export const sessionName = `${filter}.StatefulSession` as const;
export const perRouteSessionName = `${filter}.StatefulSessionPerRoute` as const;
const sessionFields = fieldTable(sessionName, { carried: ['session_state', 'strict'] });
const perRouteFields = fieldTable(perRouteSessionName, { carried: ['disabled', 'stateful_session'] });
const extensionFields = fieldTable('envoy.config.core.v3.TypedExtensionConfig', {
  carried: ['typed_config'],
  ignored: ['name'],
});
const cookieStateName = 'envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState';
const cookieStateFields = fieldTable(cookieStateName, { carried: ['cookie'] });
const cookieFields = fieldTable('envoy.type.http.v3.Cookie', { carried: ['name', 'ttl', 'path', 'attributes'] });
const headerStateName = 'envoy.extensions.http.stateful_session.header.v3.HeaderBasedSessionState';
const headerStateFields = fieldTable(headerStateName, { carried: ['name'] });

/** What the filter in a chain says for routes that say nothing, which is nothing where it is off; null: it is not there. */
export function readChainSession(place: Place, filters: readonly HttpFilter[]): HttpChainConfig['stickySession'] {
  const filter = readChainFilter(place, filters, sessionName);
  if (filter === null) return null;
  const { at, message, isOn } = filter;
  const said = message === null ? 'none' : readSession(at, message);
  return isOn ? said : 'none';
}

/** What a route says to it; whether it is signed stands in the route's metadata. */
export function readRouteSession(place: Place, message: StatefulSessionPerRoute): StickySessionConfig | 'none' {
  checkFields(place, message, perRouteFields);
  if (message.stateful_session) return readSession(place.field('stateful_session'), message.stateful_session);
  if (message.disabled === false) place.field('disabled').refuse('must be true');
  else if (message.disabled === undefined) place.refuse('says neither stateful_session nor disabled');
  return 'none';
}

/** What stands in a route's metadata under `fairlead.sticky`: of no message of Envoy's. */
export function withSignature(
  place: Place,
  session: RouteConfig['stickySession'],
  metadata: { readonly filter_metadata?: object } | null | undefined,
): RouteConfig['stickySession'] {
  const said = (metadata?.filter_metadata as Readonly<Record<string, StructMessage>> | undefined)?.[stickyMetadata];
  if (said === undefined) return session;
  const at = place.field('metadata').entry('filter_metadata', stickyMetadata);
  const { signed, ...others } = structToJson(said);
  for (const name of Object.keys(others)) at.field(name).refuse(unsupported);
  if (typeof signed !== 'boolean') at.field('signed').refuse('must be true or false');
  if (session !== null && session !== 'none') return { ...session, signed: signed === true };
  at.refuse('needs a session of the route itself');
  return session;
}

/** Without a state nobody stays. */
function readSession(place: Place, message: StatefulSession): StickySessionConfig | 'none' {
  checkFields(place, message, sessionFields);
  const state = message.session_state;
  const by = state ? readState(place.field('session_state'), state) : null;
  return by === null ? 'none' : { by, strict: message.strict ?? false, signed: false };
}

/** Null after reporting a problem. */
function readState(
  place: Place,
  state: NonNullable<StatefulSession['session_state']>,
): StickySessionConfig['by'] | null {
  checkFields(place, state, extensionFields);
  const at = place.field('typed_config');
  const name = anyName(state.typed_config);
  if (name === cookieStateName) {
    const read = unpackAny(at, name, state.typed_config);
    if (read === null) return null;
    checkFields(at, read, cookieStateFields);
    return { type: 'cookie', ...readCookie(at.field('cookie'), read.cookie ?? {}) };
  }
  if (name === headerStateName) {
    const read = unpackAny(at, name, state.typed_config);
    if (read === null) return null;
    checkFields(at, read, headerStateFields);
    return { type: 'header', name: headerName(at.field('name'), read.name ?? '') };
  }
  at.refuse(`a session by ${name || 'nothing'} is ${unsupported}`);
  return null;
}

type Cookie = NonNullable<MessageTypes[typeof cookieStateName]['cookie']>;

function readCookie(
  place: Place,
  cookie: Cookie,
): Omit<Extract<StickySessionConfig['by'], { type: 'cookie' }>, 'type'> {
  checkFields(place, cookie, cookieFields);
  return {
    name: wireText(place.field('name'), required(place.field('name'), cookie.name)),
    ttlMs: millis(place.field('ttl'), cookie.ttl, 0),
    path: wireText(place.field('path'), cookie.path ?? ''),
    attributes: (cookie.attributes ?? []).map(({ name, value = '' }, index) => {
      const at = place.item('attributes', index);
      return {
        name: wireText(at.field('name'), required(at.field('name'), name)),
        value: wireText(at.field('value'), value),
      };
    }),
  };
}

function headerName(place: Place, written: string): string {
  const name = written.toLowerCase();
  if (!/^[!#$%&'*+.^`|~0-9a-z_-]+$/.test(name)) place.refuse('must be the name of a header');
  return name;
}
