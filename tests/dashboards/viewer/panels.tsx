// Draws one panel with Grafana's own components.
import { type DataFrame, FieldType, type TimeRange, getFieldDisplayValues, type FieldDisplay } from '@grafana/data';
import { BarGauge, BigValue, PanelChrome, Table, TimeSeries, VizRepeater } from '@grafana/ui';
import { useEffect, useState } from 'react';

import { prepared, theme } from './fields';
import { frames } from './query';
import { rangeSince } from './settings';

declare global {
  interface Window {
    /** How many panels have drawn their data, and what went wrong. */
    done: number;
    mistakes: string[];
  }
}
window.done = 0;
window.mistakes = [];

interface Drawn {
  data: DataFrame[];
  range: TimeRange;
}

function Numbers({ panel, drawn, width, height }: { panel: any; drawn: Drawn; width: number; height: number }) {
  const values = () =>
    getFieldDisplayValues({
      data: drawn.data,
      fieldConfig: panel.fieldConfig,
      reduceOptions: panel.options.reduceOptions,
      replaceVariables: (text) => text,
      theme,
    });
  const one = (value: FieldDisplay, w: number, h: number) =>
    panel.type === 'stat' ? (
      <BigValue
        {...panel.options}
        value={value.display}
        width={w}
        height={h}
        theme={theme}
        disableWideLayout={!panel.options.wideLayout}
      />
    ) : (
      <BarGauge
        {...panel.options}
        value={value.display}
        field={value.field}
        display={value.view?.getFieldDisplayProcessor(value.colIndex!)}
        width={w}
        height={h}
        theme={theme}
        itemSpacing={6}
      />
    );
  return (
    <VizRepeater
      source={drawn.data}
      getValues={values}
      renderValue={({ value, width: w, height: h }) => one(value, w, h)}
      width={width}
      height={height}
      renderCounter={0}
      orientation={panel.options.orientation ?? ('auto' as any)}
      autoGrid
    />
  );
}

function Content({ panel, drawn, width, height }: { panel: any; drawn: Drawn; width: number; height: number }) {
  if (!drawn.data.some((frame) => frame.length)) {
    return <div style={{ padding: 16, textAlign: 'center' }}>{panel.fieldConfig.defaults.noValue}</div>;
  }
  switch (panel.type) {
    case 'timeseries':
      return (
        <TimeSeries
          frames={drawn.data}
          width={width}
          height={height}
          timeRange={drawn.range}
          timeZone="utc"
          structureRev={1}
          legend={panel.options.legend}
        />
      );
    case 'stat':
    case 'bargauge':
      return <Numbers panel={panel} drawn={drawn} width={width} height={height} />;
    case 'table':
      return (
        <Table
          data={drawn.data[0]}
          width={width}
          height={height}
          initialSortBy={panel.options.sortBy}
          {...panel.options}
        />
      );
    default:
      throw new Error(`a panel of type ${panel.type} cannot be drawn`);
  }
}

export function Panel({ panel, since, width, height }: { panel: any; since: string; width: number; height: number }) {
  const [drawn, setDrawn] = useState<Drawn>();
  useEffect(() => {
    const range = rangeSince(panel.timeFrom ?? since);
    Promise.all(panel.targets.map((target: any) => frames(target, range, panel.targets.length === 1, panel.interval)))
      .then((found) => prepared(panel, found.flat()))
      .then((data) => setDrawn({ data, range }))
      .catch((error) => window.mistakes.push(`${panel.title}: ${error}`))
      .finally(() => (window.done += 1));
  }, []);
  return (
    <PanelChrome title={panel.title} description={panel.description} width={width} height={height}>
      {(w, h) => (drawn ? <Content panel={panel} drawn={drawn} width={w} height={h} /> : <span />)}
    </PanelChrome>
  );
}
