// What the address of the page asks for:
// ?dashboard=FILE&prometheus=URL&influx=URL&database=NAME&now=SECONDS&width=PIXELS&var-NAME=VALUE
import { dateMath, dateTime, type TimeRange } from '@grafana/data';

const parameters = new URLSearchParams(location.search);

export const dashboard = parameters.get('dashboard') ?? 'dashboard.json';
export const prometheus = parameters.get('prometheus') ?? 'http://127.0.0.1:9090';
export const influx = parameters.get('influx') ?? 'http://127.0.0.1:8086';
export const database = parameters.get('database') ?? 'solar';
export const now = Number(parameters.get('now') ?? Date.now() / 1000);
export const width = Number(parameters.get('width') ?? 1600);

/** Fills in the dashboard's variables, as Grafana does before it sends a query. */
export function fill(text: string): string {
  return text.replace(/\$\{?(\w+)\}?/g, (whole, name) => parameters.get(`var-${name}`) ?? whole);
}

/** The time range of "now-24h", "now/d" or "10m" to now, where now is what the address says. */
export function rangeSince(from: string): TimeRange {
  const to = dateTime(now * 1000);
  const parsed = dateMath.parseDateMath(from.replace(/^(now|(?=\d))/, (begin) => (begin ? '' : '-')), dateTime(to));
  return { from: parsed ?? to, to, raw: { from, to: 'now' } };
}
