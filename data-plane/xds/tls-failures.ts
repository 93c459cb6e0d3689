/** Why no TLS connection came about, in words that say what to change; OpenSSL's and Node's own follow in brackets. */

const failures: readonly (readonly [seen: RegExp, sentence: string])[] = [
  [
    /Hostname\/IP does not match certificate's altnames/,
    'the certificate of the control plane is not for the host of --xds (FAIRLEAD_XDS); reach it by a name that it has, or have one issued for that host',
  ],
  [
    /unable to verify the first certificate|self-signed certificate(?: in certificate chain)?|unable to get (?:local )?issuer certificate/,
    'no authority in --xds-ca (FAIRLEAD_XDS_CA) vouches for the certificate of the control plane; give the one that signed it',
  ],
  [/certificate has expired/, 'the certificate of the control plane has expired; renew it there'],
  [
    /certificate is not yet valid/,
    'the time of the certificate of the control plane has not come yet; look at the clocks',
  ],
  [
    /wrong version number|packet length too long/,
    'the server does not speak TLS; leave --xds-ca (FAIRLEAD_XDS_CA) out, or give the control plane a certificate (FAIRLEAD_XDS_CERT)',
  ],
  [
    /alert certificate required|alert handshake failure/,
    'the server wants a client certificate; give one with --xds-cert and --xds-key (FAIRLEAD_XDS_CERT, FAIRLEAD_XDS_KEY)',
  ],
];

/** @param reason why a stream ended; what is no failure of TLS stays as it is */
export function explainTlsFailure(reason: string): string {
  if (!reason.startsWith('UNAVAILABLE: No connection established')) return reason;
  for (const [seen, sentence] of failures) {
    const match = seen.exec(reason);
    if (match !== null) return `UNAVAILABLE: ${sentence} (${match[0]})`;
  }
  return reason;
}
