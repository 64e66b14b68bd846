"""How Sphinx makes the site of these pages: `make docs` builds it into `build/docs`, without a network."""

from __future__ import annotations

project = "Sunhelm"
author = "the Sunhelm developers"
project_copyright = author

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
root_doc = "index"
exclude_patterns = ["*.py"]

# Anchors are those that people see where they read the files themselves, so that one link works in both.
myst_heading_anchors = 4
smartquotes = False

html_theme = "furo"
html_title = "Sunhelm"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_last_updated_fmt = None
html_theme_options: dict[str, object] = {"top_of_page_buttons": []}
