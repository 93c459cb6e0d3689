/** Our control plane's REST, as its administrator. */

export const adminToken = 'bench-admin-token-0123456789abcdef';

const documentsAtOnce = 5_000;

/** Throws, with what was said, unless the answer is a good one. */
export async function callApi(api: string, method: string, url: string, body?: object): Promise<string> {
  const headers = { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' };
  const response = await fetch(`${api}${url}`, {
    method,
    headers: body === undefined ? { authorization: headers.authorization } : headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${url} answered ${response.status}: ${text.slice(0, 500)}`);
  return text;
}

/** Applies them in order, some thousand a request. */
export async function applyDocuments(api: string, documents: readonly object[]): Promise<void> {
  for (let from = 0; from < documents.length; from += documentsAtOnce) {
    await callApi(api, 'POST', '/v1/apply', documents.slice(from, from + documentsAtOnce));
  }
}
