/** The door: no route runs before the token was seen and its role may do what the route does. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { describeRefusal, isAllowed } from './access.ts';
import type { Authenticator } from './authenticate.ts';
import type { Metrics } from './metrics.ts';
import { ApiError } from './problems.ts';
import { isReferencePath } from './reference.ts';
import { pathParameters } from './routes.ts';

const bearerChallenge = 'Bearer realm="fairlead"';

export function guardRoutes(app: FastifyInstance, authenticator: Authenticator, metrics: Metrics): void {
  app.decorateRequest('identity', null);
  app.addHook('onRequest', async (request) => {
    // A path that does not exist is told only to those who hold a token.
    const access = request.routeOptions.config.access ?? { type: 'token' };
    if (access.type === 'public') return;
    const secret = presentedSecret(request);
    const identity = secret === undefined ? undefined : await authenticator.verify(secret);
    if (!identity) {
      metrics.refusals.inc({ reason: 'unauthenticated' });
      throw unauthenticated(secret !== undefined, isReference(request));
    }
    request.identity = identity;
    const parameters = pathParameters(request);
    if (isAllowed(identity.role, access, parameters)) return;
    metrics.refusals.inc({ reason: 'forbidden' });
    throw new ApiError(403, describeRefusal(identity.role, access, parameters));
  });
}

function presentedSecret(request: FastifyRequest): string | undefined {
  const header = request.headers.authorization;
  if (header === undefined) return undefined;
  const [, scheme, value] = /^([A-Za-z]+) +(\S+) *$/.exec(header) ?? [];
  if (scheme?.toLowerCase() === 'bearer') return value;
  // A browser cannot send a bearer token by itself. It may show the reference with the token as the password, but
  // nothing else: it would send it along with requests that other sites make it send.
  if (scheme?.toLowerCase() === 'basic' && isReference(request)) {
    const [, password] = /^[^:]*:(.*)$/s.exec(Buffer.from(value!, 'base64').toString('utf8')) ?? [];
    return password;
  }
  return undefined;
}

function isReference(request: FastifyRequest): boolean {
  return isReferencePath(request.url.split('?', 1)[0]!);
}

function unauthenticated(presented: boolean, reference: boolean): ApiError {
  const detail = presented
    ? 'This token is not known here: it was mistyped, revoked, or has expired. Ask a platform administrator for a new one (fairlead token create).'
    : 'Send a token as "authorization: Bearer …". A platform administrator makes one with: fairlead token create --role ROLE';
  const bearer = presented ? `${bearerChallenge}, error="invalid_token"` : bearerChallenge;
  return new ApiError(401, detail, {
    headers: { 'www-authenticate': reference ? `Basic realm="fairlead", charset="UTF-8", ${bearer}` : bearer },
  });
}
