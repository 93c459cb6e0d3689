/** Host names as routes and claims write them: canonical form, and which one lies within which. */
import { isIP } from 'node:net';
import { limits } from './limits.ts';
import { type Parsed, show } from './problems.ts';

const hostRemedy = 'Write a host name such as `shop.example.com`, or `*.example.com` for all names under one.';
const label = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;

function refuse(detail: string, remedy: string): Parsed<never> {
  return { ok: false, fault: { detail, remedy } };
}

/** Lower-case `shop.example.com`, `*.example.com`, `shop.*` or `*`; anything that no request's host could equal is refused. */
export function canonicalHost(text: string): Parsed<string> {
  const shown = show(text);
  if (text === '') return refuse('The host is empty.', hostRemedy);
  if (text === '*') return { ok: true, value: '*' };
  if (text.length > limits.hostLength) {
    return refuse(`The host is ${text.length} characters long; ${limits.hostLength} are allowed.`, hostRemedy);
  }
  if (/[^\x21-\x7e]/.test(text)) {
    return refuse(`${shown} has characters that a host header cannot carry.`, 'Write its ASCII form (`xn--…`).');
  }
  if (text.includes('://') || text.includes('/')) {
    return refuse(`${shown} is a URL, not a host.`, 'Write the host alone; paths belong in `match.path`.');
  }
  if (text.includes('@')) return refuse(`${shown} carries user information.`, 'Write what stands behind the `@`.');
  if (text.startsWith('['))
    return refuse(`${shown} is an IPv6 address.`, 'Name a host, or let the platform match `*`.');
  if (text.includes(':')) {
    return refuse(`${shown} carries a port; hosts are compared without it.`, `Write \`${text.split(':')[0]}\`.`);
  }
  if (text.endsWith('.')) {
    return refuse(`${shown} ends with a dot, which makes it another host.`, `Write \`${text.slice(0, -1)}\`.`);
  }
  const host = text.toLowerCase();
  const labels = host.replace(/^\*\.|\.\*$/, '').split('.');
  if (labels.some((part) => part.includes('*'))) {
    return refuse(
      `${shown} has a \`*\` that does not stand for whole names.`,
      'A `*` stands alone, first before a dot, or last behind one.',
    );
  }
  if (!labels.every((part) => label.test(part))) return refuse(`${shown} is no host name.`, hostRemedy);
  if (host.startsWith('*.') && isIP(host.slice(2)) !== 0) return refuse(`${shown} has no names under it.`, hostRemedy);
  return { ok: true, value: host };
}

/** Whether every request for `host` (itself exact, `*.suffix`, `prefix.*` or `*`) is one for `claim`. Both canonical. */
export function hostMatches(claim: string, host: string): boolean {
  if (claim === host || claim === '*') return true;
  if (!claim.startsWith('*.') || host.endsWith('*')) return false;
  const suffix = claim.slice(1);
  const name = host.startsWith('*.') ? host.slice(1) : host;
  return name.endsWith(suffix);
}
