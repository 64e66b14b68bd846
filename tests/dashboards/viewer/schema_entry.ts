// What the checks of our dashboards need of Grafana's own types: make_schema.mjs turns them into JSON Schema.
import type { Dashboard } from './node_modules/@grafana/schema/dist/types/raw/dashboard/x/types.gen';
import type * as barGauge from './node_modules/@grafana/schema/dist/types/raw/composable/bargauge/panelcfg/x/types.gen';
import type * as stat from './node_modules/@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/types.gen';
import type * as table from './node_modules/@grafana/schema/dist/types/raw/composable/table/panelcfg/x/types.gen';
import type * as timeseries from './node_modules/@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/types.gen';

export type ClassicDashboard = Dashboard;
export type BargaugeOptions = barGauge.Options;
export type StatOptions = stat.Options;
export type TableOptions = table.Options;
export type TableCustom = table.FieldConfig;
export type TimeseriesOptions = timeseries.Options;
export type TimeseriesCustom = timeseries.FieldConfig;
