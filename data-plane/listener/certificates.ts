/** Which of a listener's certificates answers a handshake: by the host that the client names (SNI). Pure. */

/**
 * The index of the certificate that names the host itself, else of one that names it by a `*` for its first label,
 * else 0. `hosts`: of each certificate, lower-case. Where several name a host the first of them is it.
 */
export function certificateChooser(hosts: readonly (readonly string[])[]): (serverName: string) => number {
  const exact = new Map<string, number>();
  const wild = new Map<string, number>();
  hosts.forEach((names, index) => {
    for (const name of names) {
      const [map, key] = name.startsWith('*.') ? [wild, name.slice(1)] : [exact, name];
      if (!map.has(key)) map.set(key, index);
    }
  });
  return (serverName) => {
    const name = serverName.toLowerCase();
    const dot = name.indexOf('.');
    return exact.get(name) ?? (dot > 0 ? wild.get(name.slice(dot)) : undefined) ?? 0;
  };
}
