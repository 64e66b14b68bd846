// What Grafana itself sets up before panels can be drawn: field options, their overrides, transformations.
import {
  type DataFrame,
  type FieldConfigSource,
  FieldType,
  applyFieldOverrides,
  createTheme,
  identityOverrideProcessor,
  Registry,
  standardTransformers,
  standardTransformersRegistry,
  transformDataFrame,
} from '@grafana/data';
import { lastValueFrom } from 'rxjs';

export const theme = createTheme({ colors: { mode: 'dark' } });

const STANDARD = ['unit', 'min', 'max', 'decimals', 'displayName', 'thresholds', 'mappings', 'color', 'noValue'];
const CUSTOM = [
  ...['minWidth', 'width'],
  ...['axisLabel', 'axisPlacement', 'axisSoftMax', 'barAlignment', 'barWidthFactor', 'cellOptions', 'drawStyle', 'fillOpacity'],
  ...['gradientMode', 'hideFrom', 'lineInterpolation', 'lineStyle', 'lineWidth', 'pointSize', 'scaleDistribution'],
  ...['showPoints', 'spanNulls', 'stacking', 'thresholdsStyle', 'transform'],
];

const option = (path: string, isCustom: boolean) => ({
  id: isCustom ? `custom.${path}` : path,
  path,
  name: path,
  isCustom,
  editor: () => null,
  override: () => null,
  process: identityOverrideProcessor,
  shouldApply: (field: { type: FieldType }) => field.type !== FieldType.time,
  settings: {},
});

const registry = new Registry(() => [
  ...STANDARD.map((path) => option(path, false)),
  ...CUSTOM.map((path) => option(path, true)),
]);

const transformations = new Map(Object.values(standardTransformers).map((info: any) => [info.id, info]));
standardTransformersRegistry.setInit(() =>
  [...transformations.values()].map(
    (info) => ({ id: info.id, name: info.name, transformation: () => Promise.resolve(info) }) as any
  )
);

// Grafana's panel plugins bring these defaults; they stand in no dashboard.
const DEFAULTS: Record<string, object> = {
  timeseries: { color: { mode: 'palette-classic' } },
  stat: { color: { mode: 'thresholds' } },
  bargauge: { color: { mode: 'thresholds' } },
  table: { color: { mode: 'thresholds' }, custom: { align: 'auto', inspect: false } },
};

/** Applies the panel's transformations, its field configuration and its overrides. */
export async function prepared(panel: any, raw: DataFrame[]): Promise<DataFrame[]> {
  const context = { interpolate: (text: string) => text } as any;
  const data = await lastValueFrom(transformDataFrame(panel.transformations ?? [], raw, context));
  const fieldConfig: FieldConfigSource = {
    ...panel.fieldConfig,
    defaults: {
      thresholds: { mode: 'absolute', steps: [{ value: -Infinity, color: 'green' }] },
      ...DEFAULTS[panel.type],
      ...panel.fieldConfig.defaults,
    },
  };
  for (const { properties } of [{ properties: [] }, ...fieldConfig.overrides]) {
    for (const property of properties as any[]) {
      if (property.id === 'thresholds') {
        lowest(property.value);
      }
    }
  }
  lowest(fieldConfig.defaults.thresholds);
  return applyFieldOverrides({
    data,
    fieldConfig,
    theme,
    replaceVariables: (text: string) => text,
    timeZone: 'utc',
    fieldConfigRegistry: registry as any,
  });
}

/** JSON has no minus infinity: in a dashboard the first step of all thresholds is null. */
function lowest(thresholds: any): void {
  thresholds.steps[0].value = -Infinity;
}
