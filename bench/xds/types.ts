/** What subscribers ask for: all that carries routes, so that a type which is served one day is measured from that day on. */
import { typeUrls } from '../../proto/type-urls.ts';

const carriesRoutes = /\/envoy\.config\.route\.v3\.(?:RouteConfiguration|VirtualHost)$/;

export const routeTypes: readonly string[] = Object.values<string>(typeUrls).filter((url) => carriesRoutes.test(url));
