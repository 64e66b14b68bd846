# Every target sets up by itself what it needs: a virtual environment in $(VENV), made again only when
# the requirements change. Continuous integration runs the same targets.
#     make test PYTHON=python3.13 VENV=.venv-3.13     runs the tests on another Python

VENV := .venv
UV_VERSION := 0.13.8
PEERS := $(patsubst %/requirements.in,%,$(wildcard tests/peers/*/requirements.in))

BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed-$(shell cat requirements-dev.txt pyproject.toml | sha256sum | cut -c 1-16)
BENCH := build/bench/.installed-$(shell sha256sum < requirements.txt | cut -c 1-16)
SPHINX := build/sphinx/.installed-$(shell sha256sum < requirements-docs.txt | cut -c 1-16)
COMPILE = build/uv/bin/uv pip compile --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command 'make lock' --quiet $(UPGRADE)

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-12s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(INSTALLED): scripts/venv
	@PYTHON="$(PYTHON)" scripts/venv $(VENV)
	@rm -f $(VENV)/.installed-*
	@touch $@

.PHONY: demo
demo: $(INSTALLED) ## Run a simulated site with both applications, and Prometheus where it is installed.
	@$(BIN)/sunhelm demo $(ARGUMENTS)

PARALLEL := --numprocesses auto --dist loadscope --no-loadscope-reorder

.PHONY: test
test: $(INSTALLED) ## Run the tests; those that need a server which is not installed are skipped.
	$(BIN)/pytest -m "not peers" $(PARALLEL) $(ARGUMENTS)

.PHONY: test-full
test-full: $(INSTALLED) ## Run the tests, also those against independent client libraries.
	scripts/peers $(VENV) build/peers
	SUNHELM_PEERS=build/peers $(BIN)/pytest $(PARALLEL) $(ARGUMENTS)

.PHONY: check
check: $(INSTALLED) site ## Check style, types, imports, alert rules, the Dockerfile and the docs.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	scripts/check-rules
	$(BIN)/hadolint Dockerfile

.PHONY: golden
golden: $(INSTALLED) ## Write the golden files anew; read the difference before you commit it.
	$(BIN)/pytest -m "not peers" --update-golden $(ARGUMENTS)

.PHONY: docs
docs: $(INSTALLED) ## Generate the pages of docs/ that are made of the data, and build the site.
	$(BIN)/python docs/generate.py
	@$(MAKE) --no-print-directory site

.PHONY: site
site: $(SPHINX) ## Build docs/ into build/docs, with no network; a link that leads nowhere fails.
	build/sphinx/bin/sphinx-build --quiet --fail-on-warning --jobs auto \
		--doctree-dir build/sphinx/doctrees docs build/docs
	@echo "The docs are in build/docs/index.html."

$(SPHINX): | $(INSTALLED)
	@$(BIN)/python -m venv --clear build/sphinx
	@build/sphinx/bin/python -m pip --quiet --disable-pip-version-check install --require-hashes -r requirements-docs.txt
	@touch $@

.PHONY: dashboards
dashboards: $(INSTALLED) ## Generate the dashboards' JSON from dashboards/*.py.
	$(BIN)/python -m dashboards.generate

.PHONY: soak
soak: $(INSTALLED) ## Play 30 days of random faults on every simulated device; DAYS=2 plays two.
	SUNHELM_SOAK_DAYS=$(or $(DAYS),30) $(BIN)/pytest tests/faults/test_soak.py $(ARGUMENTS)

.PHONY: day
day: $(INSTALLED) ## Play a day of the whole demo in 24 minutes, and see that nothing is wrong; HOURS=2 plays two.
	$(BIN)/python tests/bench/day.py --hours $(or $(HOURS),24) $(ARGUMENTS)

.PHONY: bench
bench: $(INSTALLED) $(BENCH) ## Measure requests, CPU, start and memory of the exporter as users install it.
	@rm -rf build/bench/dist
	@$(BIN)/python -m hatchling build --target wheel --directory build/bench/dist
	@build/bench/bin/python -m pip --quiet --disable-pip-version-check \
		install --force-reinstall --no-deps --no-index build/bench/dist/*.whl
	$(BIN)/python tests/bench/bench.py --environment build/bench $(ARGUMENTS)
	$(BIN)/python tests/bench/render.py
	$(BIN)/python tests/bench/fleet.py --environment build/bench
	$(BIN)/python tests/bench/webhook.py --environment build/bench
	scripts/peers $(VENV) build/peers
	$(BIN)/python tests/bench/sunspec.py --environment build/bench --peers build/peers $(ARGUMENTS)

$(BENCH):
	@$(BIN)/python -m venv --clear build/bench
	@build/bench/bin/python -m pip --quiet --disable-pip-version-check install --require-hashes -r requirements.txt
	@touch $@

.PHONY: lock
lock: build/uv/bin/uv ## Resolve the requirements again; UPGRADE=--upgrade takes newer releases.
	$(COMPILE) pyproject.toml -o requirements.txt
	$(COMPILE) pyproject.toml --group dev --constraint requirements.txt -o requirements-dev.txt
	$(COMPILE) --group build --constraint requirements-dev.txt -o requirements-build.txt
	$(COMPILE) --group docs -o requirements-docs.txt
	for peer in $(PEERS); do $(subst 3.11,$$(cat $$peer/python 2>/dev/null || echo 3.11),$(COMPILE)) \
		$$peer/requirements.in -o $$peer/requirements.txt; done

build/uv/bin/uv:
	python3 -m venv build/uv
	build/uv/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

.PHONY: clean
clean: ## Remove what the other targets have made.
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

include dashboards/pictures.mk
