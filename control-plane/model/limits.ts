/** How much the control plane takes from people, in one place, each with its reason. */
export const limits = {
  /** One file or request body. 10,000 routes are some 2 MB of YAML; it is read while nothing else is served. */
  fileBytes: 4 * 1024 * 1024,
  /** One file; a bigger estate is several files. */
  documentsPerFile: 10_000,
  /** Lists and objects inside one another. Our deepest document has nine; recursion over documents stays safe. */
  nesting: 32,
  /** Words, signs and line breaks of one YAML file: read at some 5 µs each, while nothing else is served. */
  yamlTokens: 1_000_000,
  /** Values that YAML aliases (`*name`) may add to one file: a few shared blocks, never a billion laughs. */
  aliasedValues: 100_000,
  /** Values (lists, objects, scalars) in one document: ten thousand endpoints with labels. */
  valuesPerDocument: 200_000,
  /** Faults reported of one document; more help nobody. */
  problemsPerDocument: 100,
  /** A DNS label (RFC 1035). */
  nameLength: 63,
  /** Names of fields, as they stand in pointers and sentences. */
  fieldNameLength: 256,
  /** A host name (RFC 1035). */
  hostLength: 253,
  /** A request head is 60 KiB at most by default; a path that long is a mistake. */
  pathLength: 2048,
  /** Header values in conditions, probe payloads, reasons. */
  textLength: 4096,
  /** Three heartbeats go out in this time, and a stream may stand still for a moment. */
  leastResourceTtlMs: 1_000,
  labels: 64,
  labelKeyLength: 128,
  labelValueLength: 256,
  hostsPerRoute: 1000,
  /** Of TLS, that an L4Route asks for. */
  alpnProtocols: 16,
  /** Proxies keep an entry for each name, protocol and source together. */
  matchesPerL4Route: 1000,
  /** Of those whose PROXY header is believed. */
  trustedRanges: 100,
  headerConditions: 64,
  queryConditions: 64,
  /** Envoy: a template, and the name of a variable in it. */
  templateLength: 256,
  templateNameLength: 16,
  /** Envoy: max_direct_response_body_size_bytes. */
  respondBytes: 4096,
  destinations: 128,
  /** Each is looked for in every request. */
  hashKeys: 16,
  cookieAttributes: 16,
  endpointsPerCluster: 10_000,
  /** A chain of ten with long names; Envoy takes a MiB. */
  pemLength: 64 * 1024,
  /** Leaf to root; clients give up at some ten. */
  certificatesPerChain: 10,
  /** Those that sign the certificates of a listener's clients. */
  authoritiesPerSecret: 100,
  /** Each takes part in the choice at every handshake. */
  certificatesPerListener: 100,
  claimsPerTenant: 1000,
  /** Names, methods, status ranges. */
  listLength: 1000,
  /** setTimeout's longest wait, some 24.8 days. */
  durationMs: 2 ** 31 - 1,
  /** Envoy: weights of one route sum to a uint32 at most. */
  weightSum: 2 ** 32 - 1,
  /** Envoy's and our balancers' weight of one endpoint. */
  endpointWeight: 128,
  /** Envoy: LocalityLbEndpoints.priority. */
  priority: 127,
  /** Weights of zones; those of a priority sum to a uint32 at most. */
  localityWeight: 1_000_000,
  /** Envoy: entries of a ring. */
  ringSize: 8_388_608,
  /** Envoy: entries of a Maglev table. The number is a prime. */
  maglevTableSize: 5_000_011,
  /** A hundred times the average is as good as no bound. */
  boundedLoadPercent: 10_000,
  /** Each selector makes a balancer for every combination of values. */
  subsets: 16,
  labelsPerSubset: 8,
  /** Texts that the answer to a probe holds. */
  probePayloads: 16,
  /** Envoy: response_buffer_size, which we leave as it is. */
  probeBodyBytes: 1024,
  /** Envoy: thresholds of circuit breakers. */
  breaker: 2 ** 32 - 1,
  /** Envoy: max_request_headers_kb. */
  headerBytes: 8192 * 1024,
  /** Header lines of a request: our data plane's parser has room for no more. */
  headers: 1_000,
  /** Of one listener: more than a node has descriptors for. */
  connections: 1_000_000,
  /** Streams of one HTTP/2 connection. Ours; Envoy's edge page has 100. */
  streams: 10_000,
} as const;
