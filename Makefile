# Everything a newcomer types. `make` alone lists it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help tools tools-build tools-demo tools-bench demo test check advisories bench bench-reconcile chaos soak baskets fraud fuzz run serve fmt clean doc screenshots

SETUP := tests/tools/setup.sh
# Tests wait more than they work: for timers, other processes, answers. So more run than there are cores.
THREADS ?= $(shell echo $$((3 * $$(nproc))))
DENY := .tools/bin/cargo-deny --locked

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

tools: ## install what is missing for building, demo and tests (apt packages, .tools)
	@$(SETUP) build postgres venv node deny hledger browser

tools-demo:
	@$(SETUP) build venv

tools-build:
	@$(SETUP) build

tools-bench:
	@$(SETUP) build postgres bench

demo: tools-demo ## a day of three partners and the close of a month, with a real CRM. ONCE=1 stops after the report; DATABASE_URL=postgres://... for PostgreSQL
	cargo run --locked -- demo --crm-venv .tools/venv $(if $(ONCE),--once)

# The documentation's examples are tested by `check`; what remains closes with one line for all.
test: tools check ## check, then all tests on both stores (THREADS=6 of them at once)
	@RUST_TEST_THREADS=$(THREADS) tests/tools/test.sh

check: tools ## formatting, lints, licences and sources of dependencies, documentation and its examples
	cargo fmt --check
	cargo clippy --all-targets --locked -- -D warnings
	$(DENY) check --hide-inclusion-graph licenses bans sources
	@$(MAKE) advisories
	RUSTDOCFLAGS=-Dwarnings cargo doc --no-deps --locked
	cargo test --doc --locked

# Known weaknesses of our dependencies are listed in a repository that not every machine reaches.
advisories:
	@if timeout 120 $(DENY) fetch db >.tools/advisories.log 2>&1; then \
	    $(DENY) check --disable-fetch advisories; \
	else \
	    echo 'NOT CHECKED: advisories on dependencies: their database cannot be had from this machine:'; \
	    grep . .tools/advisories.log | tail -n 1 | sed 's/^/    /'; \
	fi

bench: tools-bench ## durable events per second on both stores, beside a bare bulk insert and pgbench
	cargo bench --locked --bench throughput

bench-reconcile: tools-build ## a month of a million lines from the upload to its breaks, on both stores (LINES=1000000)
	cargo bench --locked --bench reconcile

# A history that fails names its seed.
soak: tools-build ## random histories against the model on both stores, with faults (HISTORIES=20 on each)
	SOAK_HISTORIES=$(or $(HISTORIES),20) cargo test --locked --test promises model:: -- --nocapture

# Columns as in partners/green-basket's manifest; rules in tests/promises/baskets.
baskets: tools ## real baskets (FILE=….csv.gz) through tiers, caps, a budget and expiry, checked by a script of its own
	BASKETS=$(abspath $(FILE)) cargo test --locked --test promises baskets:: -- --nocapture

fraud: ## ways to take money from the bank, played against a gateway with the shipped limits: yuan before the first hold, and in all
	cargo test --locked --test promises fraud:: -- --nocapture --ignored

# SEED repeats what goes wrong on the road, not when; THOUSAND_LEADS does the same for the leads of `make test`.
chaos: tools ## many leads into a real CRM while it and the gateways are killed (LEADS=10000)
	CHAOS_LEADS=$(or $(LEADS),10000) CHAOS_SEED=$(SEED) cargo test --locked --test promises \
	    chaos::whatever -- --nocapture

screenshots: tools ## pictures of every page of the console and the wallet, in .tools/screenshots, and those of the documents
	CONSOLE_PICTURES=$(abspath .tools/screenshots) cargo test --locked --test promises -- ::a_browser_walks
	cd .tools/screenshots && cp clerk-breaks-one-en-light-1280.png $(abspath docs)/console-break.png && \
	    cp reader-stories-event-en-light-1280.png $(abspath docs)/console-story.png && \
	    cp wallet-home-en-light.png $(abspath docs)/wallet-home.png && cp wallet-code-zh-dark.png $(abspath docs)/wallet-code.png

fuzz: tools-build ## fuzz the parsers and verifiers (SECONDS=30 on each) and keep what reaches further in tests/fuzz/corpus
	tests/fuzz/run.sh $(or $(SECONDS),30)

run: tools-build ## serve on 127.0.0.1:8080 with the settings at hand (ARGS="--listen ...")
	cargo run --locked -- serve $(ARGS)

serve: run ## the same

fmt: ## format the source
	cargo fmt

doc: ## the source's documentation, in target/doc
	cargo doc --no-deps --locked --document-private-items

clean: ## remove what was built and set up here
	cargo clean
	rm -rf .tools .demo
