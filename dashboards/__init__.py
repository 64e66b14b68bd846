"""The Grafana dashboards as code; `python dashboards/generate.py` writes them to `json/`.

`queries` knows PromQL and our metrics, `panels` how our panels look; each dashboard is a module that
joins the two in a function `build()`.
"""

import importlib
import warnings

# We write classic JSON on purpose, since every Grafana takes it; these warn that there is a newer form.
with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message="Prefer using dashboardv2", category=DeprecationWarning)
    for name in ("builders.dashboard", "models.dashboardv2beta1"):
        importlib.import_module(f"grafana_foundation_sdk.{name}")
