// Asks Prometheus as Grafana's data source does, and gives the answer as data frames.
import { type DataFrame, FieldType, type TimeRange, toDataFrame } from '@grafana/data';

import { fill, now, prometheus } from './settings';

const POINTS = 800;

interface Target {
  refId: string;
  expr: string;
  legendFormat: string;
  instant?: boolean;
  format?: string;
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
export async function frames(target: Target, range: TimeRange, alone: boolean, interval?: string): Promise<DataFrame[]> {
  const query = fill(target.expr);
  if (target.instant) {
    const found = await ask('query', { query, time: String(now) });
    if (target.format === 'table') {
      return found.length ? table(target, found, alone) : [];
    }
    return found.map((series) => frame(target, { ...series, values: [series.value!] }, 60));
  }
  const [from, to] = [range.from.unix(), range.to.unix()];
  const shortest = interval === '1d' ? 86_400 : 15;
  const step = Math.max(shortest, Math.ceil((to - from) / POINTS / 15) * 15);
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
