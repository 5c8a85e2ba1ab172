# What people and CI type. Paths are relative, so that a checkout may lie in a folder with a space.

SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

ENV := .venv/bin
PYTHON := $(ENV)/python
ECO2 := $(ENV)/eco2
PYTEST_ARGS ?=

.PHONY: chaos help setup installed demo up down status doctor test browser grpcurl lint types imports protos \
	pytest fuzz eval-chat gen drift lock bench-scan bench-chat bench-authz bench-reads bench-news bench-location bench-start bench-offline-vision clean clean-data

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-22s %s\n", $$1, $$2 }' Makefile

setup: ## Install what is missing (system and Python packages, jars, certificate); repeatable
	@sh mesh/local/setup.sh

installed:
	@[ -x $(ECO2) ] || { echo 'not set up yet; run `make setup`' >&2; exit 1; }

demo: setup ## Start everything, send a photo through the edge as the app would, print what to do
	@$(ECO2) demo

up: setup ## Start the stack and keep it running (Ctrl-C or `make down` stops it)
	@$(ECO2) up

down: installed ## Stop the stack
	@$(ECO2) down

status: installed ## Show the parts of the running stack
	@$(ECO2) status || [ $$? -eq 3 ]

doctor: installed ## Check everything the stack needs and say what to do
	@$(ECO2) doctor

test: setup browser lint pytest ## Everything that CI runs

browser: ## Install Chromium for the browser tests, where that is possible
	@sh mesh/local/browser.sh

grpcurl: ## Build grpcurl with Go, for the examples of the README
	@sh mesh/local/grpcurl.sh

lint: types imports protos drift ## Style, types, import rules, protos, generated code
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m ruff check .

types:
	@$(PYTHON) -m mypy

imports:
	@$(ENV)/lint-imports

protos: # linted as the compiled image, since imports come from packages; `drift` keeps it current
	@$(ENV)/buf format --diff --exit-code proto
	@$(ENV)/buf lint gen/descriptor/eco2.binpb
	@if git cat-file -e origin/main:gen/descriptor/eco2.binpb 2>/dev/null; then \
		mkdir -p .eco2 && git show origin/main:gen/descriptor/eco2.binpb > .eco2/main.binpb && \
		$(ENV)/buf breaking gen/descriptor/eco2.binpb --against .eco2/main.binpb; fi

drift:
	@$(ECO2) gen --check

pytest: ## The tests alone; PYTEST_ARGS="-k name" picks some
	@$(PYTHON) -m pytest $(PYTEST_ARGS)

fuzz: setup ## A hundred generated requests an operation, new ones every time (ECO2_FUZZ_EXAMPLES)
	@ECO2_FUZZ_EXAMPLES=$${ECO2_FUZZ_EXAMPLES:-100} $(PYTHON) -m pytest tests/fuzz $(PYTEST_ARGS)

eval-chat: setup ## How often questions are understood and their rule document is found; BENCH_ARGS=--misses
	@$(PYTHON) -m tests.eval.chat $(BENCH_ARGS)

chaos: setup ## Kill every part of a stack under load: no accepted scan may be lost
	@$(PYTHON) -m pytest tests/chaos -m chaos $(PYTEST_ARGS)

gen: ## Regenerate what comes from proto/
	@$(ECO2) gen

lock: ## Resolve requirements*.in again, with hashes
	@$(PYTHON) -m venv .eco2/lock
	@.eco2/lock/bin/python -m pip install --quiet uv
	@for name in requirements requirements-dev; do \
		.eco2/lock/bin/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-annotate \
			--universal --python-version 3.11 --custom-compile-command 'make lock' $(LOCK_ARGS) \
			--output-file $$name.txt $$name.in || exit 1; \
	done

bench-scan: setup ## Scans a minute, latencies and CPU of the whole pipeline under load
	@$(PYTHON) -m tests.bench.scan $(BENCH_ARGS)

bench-chat: setup ## Chats that stream at once: tokens lost, latencies, CPU a chat-second
	@$(PYTHON) -m tests.bench.chat $(BENCH_ARGS)

bench-authz: setup ## What authorization costs: CPU, requests/s, latency, memory; BENCH_ARGS=--quick
	@$(PYTHON) -m tests.bench.authz $(BENCH_ARGS)

bench-reads: setup ## What the app's reads cost: requests/s, latency at a constant rate, CPU by process
	@$(PYTHON) -m tests.bench.reads $(BENCH_ARGS)

bench-location: setup ## The nearest of 100,000 places, in SQL and through the RPC, and importing them
	@$(PYTHON) -m tests.bench.location $(BENCH_ARGS)

bench-news: setup ## Pages of news from the cache, and from PostgreSQL among a million articles
	@$(PYTHON) -m tests.bench.news $(BENCH_ARGS)

bench-start: setup ## Seconds from nothing to the first accepted scan
	@$(PYTHON) -m tests.bench.cold_start

bench-offline-vision: setup ## Accuracy of the offline reader on pictures it was never tuned on
	@$(PYTHON) -m tests.bench.offline_vision $(BENCH_ARGS)

clean-data: ## Remove the local stack's data (databases, topics, objects) and logs
	@[ ! -x $(PYTHON) ] || $(PYTHON) -m mesh.local.clean

clean: clean-data ## Remove everything that was installed into the checkout as well
	@rm -rf .venv .eco2 .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
