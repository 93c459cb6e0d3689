import { expect, test } from 'vitest';
import { decodeRoutes } from './route.ts';
import { problemsOf, type Route, refusals, route, routes, taken, virtualHost } from './testing.ts';

const decodeHeaders = (patch: Partial<Route>) =>
  decodeRoutes(routes({ virtual_hosts: [virtualHost({ routes: [route(patch)] })] }));
type Option = NonNullable<Route['request_headers_to_add']>[number];

const header = (key: string, value: string, append_action?: Option['append_action']): Option => ({
  header: { key, value },
  ...(append_action === undefined ? {} : { append_action }),
});

test('what goes and what comes', () => {
  const changes = {
    request_headers_to_remove: ['Cookie'],
    request_headers_to_add: [header('X-A', 'b', 'OVERWRITE_IF_EXISTS_OR_ADD')],
    response_headers_to_add: [header('x-c', '%REQ(d)%%%')],
  };
  expect(taken(decodeHeaders(changes)).hosts[0]?.routes[0]).toMatchObject({
    requestHeaders: { remove: ['cookie'], add: [{ name: 'x-a', value: [{ type: 'text', text: 'b' }], replace: true }] },
    responseHeaders: {
      remove: [],
      add: [
        {
          name: 'x-c',
          value: [
            { type: 'request-header', name: 'd' },
            { type: 'text', text: '%' },
          ],
          replace: false,
        },
      ],
    },
  });
});

const at = 'virtual_hosts[0].routes[0]';
const unsupported = 'not supported by this data plane';
const added = `${at}.request_headers_to_add[0]`;
const add = (option: Option) => ({ request_headers_to_add: [option] });
test.each(
  refusals<Partial<Route>>(
    [add(header('host', 'a')), [`${added}.header.key: to change host is ${unsupported}`]],
    [add(header('', 'a')), [`${added}.header.key: must be the name of a header`]],
    [add(header('a', 'a\r\nb')), [`${added}.header.value: must hold visible ASCII characters alone`]],
    [add(header('a', '%START_TIME%')), [`${added}.header.value: %START_TIME% is ${unsupported}`]],
    [
      add(header('a', '%DYNAMIC_METADATA(envoy.filters.listener.proxy_protocol:x)%')),
      [`${added}.header.value: %DYNAMIC_METADATA(...)% is ${unsupported}`],
    ],
    [add(header('a', '%REQ(x-forwarded-for)%')), [`${added}.header.value: %REQ(x-forwarded-for)% is ${unsupported}`]],
    [add(header('a', 'b', 'ADD_IF_ABSENT')), [`${added}.append_action: ADD_IF_ABSENT is ${unsupported}`]],
    [add({ ...header('a', 'b'), keep_empty_value: true }), [`${added}.keep_empty_value: ${unsupported}`]],
    [
      { response_headers_to_remove: ['content-length'] },
      [`${at}.response_headers_to_remove[0]: to change content-length is ${unsupported}`],
    ],
  ),
)('a change is refused: $law', ({ patch, expected }) => {
  expect(problemsOf(decodeHeaders(patch))).toEqual(expected);
});
