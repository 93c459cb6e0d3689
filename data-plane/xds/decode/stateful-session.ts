/** envoy.extensions.filters.http.stateful_session.v3: clients that stay on the endpoint that served them. */
import type { StatefulSession, StatefulSessionPerRoute } from '../../../proto/envoy.ts';
import { stickyMetadata } from '../../../proto/names.ts';
import type { StickySessionConfig } from '../../model/config.ts';
import { checkFields, fieldTable } from './fields.ts';
import { anyName, type StructMessage, structToJson, unpackAny } from './messages.ts';
import { type Place, unsupported } from './problems.ts';
import { millis, required, wireText } from './values.ts';

const sessionFields = fieldTable('envoy.extensions.filters.http.stateful_session.v3.StatefulSession', {
  carried: ['session_state', 'strict'],
});
const perRouteFields = fieldTable('envoy.extensions.filters.http.stateful_session.v3.StatefulSessionPerRoute', {
  carried: ['disabled', 'stateful_session'],
});
const extensionFields = fieldTable('envoy.config.core.v3.TypedExtensionConfig', {
  carried: ['typed_config'],
  ignored: ['name'],
});
const cookieStateName = 'envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState';
const cookieStateFields = fieldTable(cookieStateName, { carried: ['cookie'] });
const cookieFields = fieldTable('envoy.type.http.v3.Cookie', { carried: ['name', 'ttl', 'path'] });
const headerStateName = 'envoy.extensions.http.stateful_session.header.v3.HeaderBasedSessionState';
const headerStateFields = fieldTable(headerStateName, { carried: ['name'] });

type Unsigned = Omit<StickySessionConfig, 'signed'>;

/** The filter in a chain, where it may be there, so that routes can say what it does. */
export function checkChainSession(place: Place, message: StatefulSession): void {
  checkFields(place, message, sessionFields);
  if (message.session_state) place.field('session_state').refuse(`for all routes of a chain is ${unsupported}`);
}

/** What a route says to it; null: nothing. Whether it is signed stands in the route's metadata. */
export function readSession(place: Place, message: StatefulSessionPerRoute): Unsigned | null {
  checkFields(place, message, perRouteFields);
  if (message.disabled === true) return null;
  const at = place.field('stateful_session');
  const session = message.stateful_session;
  if (!session) {
    place.refuse('says neither stateful_session nor disabled');
    return null;
  }
  checkFields(at, session, sessionFields);
  if (!session.session_state) return null;
  const by = readState(at.field('session_state'), session.session_state);
  return by && { by, strict: session.strict ?? false };
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
    const cookie = read.cookie ?? {};
    const of = at.field('cookie');
    checkFields(of, cookie, cookieFields);
    return {
      type: 'cookie',
      name: wireText(of.field('name'), required(of.field('name'), cookie.name)),
      ttlMs: millis(of.field('ttl'), cookie.ttl, 0),
      path: wireText(of.field('path'), cookie.path ?? ''),
      attributes: [],
    };
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

function headerName(place: Place, written: string): string {
  const name = written.toLowerCase();
  if (!/^[!#$%&'*+.^`|~0-9a-z_-]+$/.test(name)) place.refuse('must be the name of a header');
  return name;
}

/** What stands in a route's metadata under `fairlead.sticky`: of no message of Envoy's. */
export function withSignature(
  place: Place,
  session: Unsigned | null,
  metadata: { readonly filter_metadata?: object } | null | undefined,
): StickySessionConfig | null {
  const said = (metadata?.filter_metadata as Readonly<Record<string, StructMessage>> | undefined)?.[stickyMetadata];
  if (said === undefined) return session && { ...session, signed: false };
  const at = place.field('metadata').entry('filter_metadata', stickyMetadata);
  const { signed, ...others } = structToJson(said);
  for (const name of Object.keys(others)) at.field(name).refuse(unsupported);
  if (typeof signed !== 'boolean') at.field('signed').refuse('must be true or false');
  return session && { ...session, signed: signed === true };
}
