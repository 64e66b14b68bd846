# Pictures of the dashboards, drawn with Grafana's own components from days of a simulated house.
# Needs node and npm, Chromium, Prometheus with promtool, and influxd (InfluxDB 1).

VIEWER_SOURCES := $(wildcard tests/dashboards/viewer/*)
VIEWER := build/viewer

.PHONY: pictures
pictures: $(INSTALLED) $(VIEWER)/dist ## Draw the dashboards into docs/pictures.
	@mkdir -p docs/pictures
	$(BIN)/python -m dashboards.preview.picture $(VIEWER) docs/pictures

.PHONY: schema
schema: $(VIEWER)/node_modules ## Make the schema that dashboards are checked against from Grafana's types.
	cd $(VIEWER) && npm run --silent schema
	cp build/grafana.schema.json tests/dashboards/grafana.schema.json

$(VIEWER)/dist: $(VIEWER)/node_modules
	cd $(VIEWER) && npm run --silent build -- --logLevel error
	@touch $@

$(VIEWER)/node_modules: $(VIEWER_SOURCES)
	@mkdir -p $(VIEWER)
	cp $(VIEWER_SOURCES) $(VIEWER)
	cd $(VIEWER) && npm install --no-package-lock --no-audit --no-fund --ignore-scripts --silent
	@touch $@
