/** What matching may ask of a request. */
export interface RequestView {
  readonly protocol: 'HTTP/1.0' | 'HTTP/1.1' | 'HTTP/2';
  readonly method: string;
  /** Normalised path, without the query; empty: CONNECT, which has none. */
  readonly path: string;
  /** `?` and what follows, or empty. */
  readonly query: string;
  /** Host without port, lower-case. */
  readonly host: string;
  /** As sent, port included. */
  readonly authority: string;
  /** IP address of the trusted client. */
  readonly clientIp: string;
  /** From 0 up to 1, the same for all that chance decides about this request. */
  readonly random: number;
  /** The values of all lines with this lower-case name that pass, in order, the proxy's own among them. */
  headerLines(name: string): readonly string[];
}
