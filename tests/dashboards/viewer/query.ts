// Asks Prometheus or InfluxDB as Grafana's data sources do, and gives the answer as data frames.
import { type DataFrame, FieldType, type TimeRange, toDataFrame } from '@grafana/data';

import { database, fill, influx, now, prometheus } from './settings';

const POINTS = 800;

/** How often the simulated devices are scraped, in seconds: the data source's "scrape interval". */
const SCRAPE = 240;

interface Target {
  refId: string;
  expr: string;
  legendFormat: string;
  instant?: boolean;
  format?: string;
}

interface InfluxTarget {
  refId: string;
  query: string;
  alias: string;
}

interface Series {
  metric: Record<string, string>;
  value?: [number, string];
  values?: Array<[number, string]>;
}

async function ask(path: string, parameters: Record<string, string>): Promise<Series[]> {
  const answer = await (await fetch(`${prometheus}/api/v1/${path}?${new URLSearchParams(parameters)}`)).json();
  if (answer.status !== 'success') {
    throw new Error(answer.error);
  }
  return answer.data.result;
}

function name(target: Target, metric: Record<string, string>): string {
  return target.legendFormat.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label) => metric[label] ?? '');
}

function table(target: Target, found: Series[], alone: boolean): DataFrame[] {
  const labels = [...new Set(found.flatMap((series) => Object.keys(series.metric)))].sort();
  return [
    toDataFrame({
      refId: target.refId,
      fields: [
        { name: 'Time', type: FieldType.time, values: found.map((series) => series.value![0] * 1000) },
        ...labels.map((label) => ({
          name: label,
          type: FieldType.string,
          values: found.map((series) => series.metric[label]),
        })),
        {
          name: alone ? 'Value' : `Value #${target.refId}`,
          type: FieldType.number,
          values: found.map((series) => Number(series.value![1])),
        },
      ],
    }),
  ];
}

/**
 * The frames of one query, which is `alone` in its panel or has others beside it; a panel's `interval` is the shortest
 * step, and steps begin at local midnight.
 */
export async function frames(
  target: Target | InfluxTarget,
  range: TimeRange,
  alone: boolean,
  interval?: string
): Promise<DataFrame[]> {
  const [from, to] = [range.from.unix(), range.to.unix()];
  const shortest = interval === '1d' ? 86_400 : 15;
  const step = Math.max(shortest, Math.ceil((to - from) / POINTS / 15) * 15);
  if (!('expr' in target)) {
    return influxFrames(target, from, to, step);
  }
  const rate = Math.max(step + SCRAPE, 4 * SCRAPE);
  const query = fill(target.expr.replaceAll('$__rate_interval', `${rate}s`));
  if (target.instant) {
    const found = await ask('query', { query, time: String(now) });
    if (target.format === 'table') {
      return found.length ? table(target, found, alone) : [];
    }
    return found.map((series) => frame(target, { ...series, values: [series.value!] }, 60));
  }
  const offset = range.to.utcOffset() * 60;
  const aligned = (time: number) => Math.floor((time + offset) / step) * step - offset;
  const found = await ask('query_range', {
    query,
    start: String(aligned(from)),
    end: String(aligned(to)),
    step: String(step),
  });
  return found.map((series) => frame(target, series, step));
}

function frame(target: Target, series: Series, step: number): DataFrame {
  return toDataFrame({
    refId: target.refId,
    fields: [
      {
        name: 'Time',
        type: FieldType.time,
        config: { interval: step * 1000 },
        values: series.values!.map(([time]) => time * 1000),
      },
      {
        name: 'Value',
        type: FieldType.number,
        labels: series.metric,
        config: { displayNameFromDS: name(target, series.metric) },
        values: series.values!.map(([, value]) => Number(value)),
      },
    ],
  });
}

async function influxFrames(target: InfluxTarget, from: number, to: number, step: number): Promise<DataFrame[]> {
  const query = fill(target.query)
    .replaceAll('$timeFilter', `time >= ${from}s AND time <= ${to}s`)
    .replaceAll('$__interval', `${step}s`);
  const asked = new URLSearchParams({ db: database, epoch: 'ms', q: query });
  const [{ error, series = [] }] = (await (await fetch(`${influx}/query?${asked}`)).json()).results;
  if (error) {
    throw new Error(error);
  }
  return series.map(({ tags = {}, values }: { tags?: Record<string, string>; values: number[][] }) =>
    toDataFrame({
      refId: target.refId,
      fields: [
        { name: 'Time', type: FieldType.time, values: values.map(([time]) => time) },
        {
          name: 'Value',
          type: FieldType.number,
          labels: tags,
          config: { displayNameFromDS: target.alias.replace(/\$tag_(\w+)/g, (_, tag) => tags[tag] ?? '') },
          values: values.map(([, value]) => value),
        },
      ],
    })
  );
}
