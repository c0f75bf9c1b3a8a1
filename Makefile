# AstroScale: everything starts here. Only make, a POSIX shell and Python >= 3.11 are assumed; the rest is fetched.
# `make` alone lists the targets. Arguments of a command go into ARGS: make up ARGS="--replicas inference=2".

ARGS ?=
RUN := .venv/bin/python
PAGE := services/gateway/src/astroscale_gateway/static/index.html
PAGE_SOURCES := $(shell find web/src web/public web/*.json web/*.html web/*.ts web/*.js -type f 2>/dev/null)
LOCKED := uv.lock $(wildcard pyproject.toml */pyproject.toml services/*/pyproject.toml)
SYNCED := .venv/.synced
export OMP_NUM_THREADS := 1

.DEFAULT_GOAL := help
.PHONY: help setup up down status check test train bench bench-science bench-stream bench-compare dev doctor format clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(SYNCED) $(PAGE) ## Fetch the tools, install every member, build the page

up: setup ## Start everything, stream the sample, stay until Ctrl-C (ARGS=--detach: in the background)
	@$(RUN) -m astroscale_local up $(ARGS)

down: $(SYNCED) ## Stop everything, the gateway first, Kafka last (ARGS=--wipe: remove the data too)
	@$(RUN) -m astroscale_local down $(ARGS)

status: $(SYNCED) ## Rows in, encoded, rejected, predicted, by topic, and whether they add up
	@.venv/bin/astroscale status $(ARGS)

doctor: $(SYNCED) ## Say what this machine has and lacks
	@$(RUN) -m astroscale_local doctor $(ARGS)

check: setup ## Format, lint, types, lock files, architecture, each member by itself
	@local/scripts/check.sh

test: setup ## The page's tests, then unit, contract, integration and browser tests
	@local/scripts/test.sh $(ARGS)

train: $(SYNCED) ## Train the default model on the real tables; write it to models/, its card and figures to docs/
	@$(RUN) -m astroscale_training train --docs docs $(ARGS)

bench: setup ## Latency and throughput of /predict beside the bare broker and a bare echo
	@$(RUN) -m tests.bench $(ARGS)

bench-science: $(SYNCED) ## The model's aims on stars that it has not seen (ARGS=--quick: one seed, some minutes)
	@$(RUN) -m tests.bench.science $(ARGS)

bench-stream: setup ## Speed of the data plane, each figure beside its reference (ARGS=--quick: small sizes, some minutes)
	@$(RUN) -m tests.bench.stream $(ARGS)

bench-compare: $(SYNCED) ## Whether a ratio of build/bench is worse than the baseline's (ARGS=--write: make it the baseline)
	@$(RUN) -m tests.bench.compare $(ARGS)

dev: setup ## The page with hot reload on port 5173, before a running system
	@$(RUN) -m astroscale_local up --detach
	@local/scripts/web.sh run dev

format: setup ## Format and fix what can be fixed
	@$(RUN) -m ruff format . && $(RUN) -m ruff check --fix . && local/scripts/web.sh run format

clean: ## Remove what was built and installed; the data in .astroscale/ stays
	rm -rf build .venv .astroscale/tools .astroscale/members web/node_modules $(dir $(PAGE)) .pytest_cache .ruff_cache

$(SYNCED): $(LOCKED)
	@local/scripts/bootstrap.sh python
	@touch $@

$(PAGE): $(PAGE_SOURCES)
	@echo "Building the page"
	@local/scripts/web.sh run build --silent -- --logLevel warn
