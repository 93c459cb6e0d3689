/**
 * What endpoints say of their load with each answer, in its head or its trailers: ORCA's reports (xds.data.orca.v3), in
 * the three forms that Envoy reads. They pass on to the client.
 */
import { Reader, skipField } from '../../proto/wire/fields.ts';
import { limits } from '../limits.ts';

/** `first`: the value of the first line of this name, or empty. */
export interface Lines {
  first(name: string): string;
}

const cpuTag = 0x09;
const applicationTag = 0x49;

/** Everything a report may say of how busy an endpoint is; 0: nothing. One object, refilled. */
const said = { cpu: 0, application: 0 };

/**
 * The share of what the endpoint should bear that it bears, 1 is all of it: as its application says, else of its
 * processors. -1: it does not say, or something that can't be true.
 */
export function readUtilization(lines: Lines): number {
  const binary = lines.first('endpoint-load-metrics-bin');
  const text = binary === '' ? lines.first('endpoint-load-metrics') : '';
  const { length } = binary === '' ? text : binary;
  if (length === 0 || length > limits.loadReportBytes) return -1;
  said.cpu = 0;
  said.application = 0;
  const read = binary === '' ? readText(text) : readMessage(binary);
  if (!read) return -1;
  const share = said.application === 0 ? said.cpu : said.application;
  return share > 0 && share <= limits.reportedUtilization ? share : -1;
}

/** False: it is no report. */
function readText(text: string): boolean {
  const body = text.slice(5);
  if (text.startsWith('TEXT ')) return readPairs(body);
  if (text.startsWith('JSON ')) return readJson(body);
  return text.startsWith('BIN ') && readMessage(text.slice(4));
}

/** `cpu_utilization=0.3, application_utilization=0.5` */
function readPairs(text: string): boolean {
  for (const pair of text.split(',')) {
    const at = pair.search(/[=:]/);
    if (at < 0) return false;
    const name = pair.slice(0, at).trim();
    const value = numberOf(pair.slice(at + 1).trim());
    if (name === 'cpu_utilization') said.cpu = value;
    else if (name === 'application_utilization') said.application = value;
  }
  return true;
}

function readJson(text: string): boolean {
  let report: unknown;
  try {
    report = JSON.parse(text);
  } catch {
    return false;
  }
  if (report === null || typeof report !== 'object' || Array.isArray(report)) return false;
  const fields = report as Readonly<Record<string, unknown>>;
  said.cpu = numberOf(fields['cpu_utilization'] ?? fields['cpuUtilization'] ?? 0);
  said.application = numberOf(fields['application_utilization'] ?? fields['applicationUtilization'] ?? 0);
  return true;
}

function readMessage(base64: string): boolean {
  const reader = Reader.create(Buffer.from(base64, 'base64'));
  try {
    while (reader.pos < reader.len) {
      const tag = reader.uint32();
      if (tag === cpuTag) said.cpu = reader.double();
      else if (tag === applicationTag) said.application = reader.double();
      else skipField(reader, tag);
    }
  } catch {
    return false;
  }
  return true;
}

function numberOf(value: unknown): number {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && /^[-+]?[0-9.]+(e[-+]?[0-9]+)?$/i.test(value) ? Number(value) : Number.NaN;
}
