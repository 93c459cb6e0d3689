/** Nine request headers, as a browser behind a login sends them; Host is the tenth. */
export const browserHeaders = {
  'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  Accept: 'application/json, text/plain, */*',
  'Accept-Language': 'en-GB,en;q=0.7,de;q=0.3',
  'Accept-Encoding': 'gzip, deflate, br, zstd',
  Referer: 'https://shop.example.com/orders?page=2',
  Cookie: 'session=4f0c9a1be7d24c55a0b1c2d3e4f5a6b7; theme=dark',
  'Cache-Control': 'no-cache',
  'Sec-Fetch-Mode': 'cors',
  Priority: 'u=4',
} as const;
