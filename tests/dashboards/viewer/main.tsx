// Draws a classic Grafana dashboard with Grafana's published components, fed by a Prometheus; no Grafana needed.
// A tool to look at our dashboards with: it knows the kinds of panels and the transformations that they use.
import { ThemeContext } from '@grafana/data';
import { initPluginTranslations } from '@grafana/i18n';
import { GlobalStyles } from '@grafana/ui';
import { createRoot } from 'react-dom/client';

import { theme } from './fields';
import { Panel } from './panels';
import { dashboard, width } from './settings';

const CELL = 30;
const GAP = 8;

function Row({ title }: { title: string }) {
  return <div style={{ ...theme.typography.h5, color: theme.colors.text.primary, paddingTop: 4 }}>{title}</div>;
}

function Board({ board }: { board: any }) {
  const column = (width - GAP) / 24;
  const bottom = Math.max(...board.panels.map((panel: any) => panel.gridPos.y + panel.gridPos.h));
  return (
    <div id="board" style={{ position: 'relative', width, height: bottom * (CELL + GAP) + GAP }}>
      {board.panels.map((panel: any) => {
        const { x, y, w, h } = panel.gridPos;
        const size = { width: w * column - GAP, height: h * (CELL + GAP) - GAP };
        return (
          <div key={panel.id} style={{ position: 'absolute', left: x * column + GAP, top: y * (CELL + GAP) + GAP, ...size }}>
            {panel.type === 'row' ? <Row title={panel.title} /> : <Panel panel={panel} since={board.time.from} {...size} />}
          </div>
        );
      })}
    </div>
  );
}

await initPluginTranslations('viewer').catch(() => undefined); // there is no translation to load
const board = await (await fetch(dashboard)).json();
createRoot(document.getElementById('root')!).render(
  <ThemeContext.Provider value={theme}>
    <GlobalStyles />
    <Board board={board} />
  </ThemeContext.Provider>
);
