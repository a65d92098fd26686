# `make` lists the targets. Everything installs what it needs; nothing is installed without a word.
.DEFAULT_GOAL := help
SHELL := /bin/bash
CARGO ?= cargo
export RUST_BACKTRACE ?= 1

.PHONY: help deps promtool moto demo test conformance manifests deploy-check image-check lint docs bench bench-peers bench-render counts chaos mutants fuzz deny sbom

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

deps: ## Install RabbitMQ, Postgres, Chromium and a JRE from Debian packages (asks before sudo), and Kafka through Maven
	@deploy/scripts/install-deps
	@deploy/scripts/kafka4

demo: ## Watch real events flow through real servers into real tables (ONCE=1 to exit when done)
	@deploy/scripts/install-deps demo
	$(CARGO) build --release --locked --workspace --bins
	$${CARGO_TARGET_DIR:-target}/release/millrace-demo

promtool: deps
	@deploy/scripts/install-deps --promtool

moto:
	@deploy/scripts/moto

test: deps promtool moto lint docs deploy-check ## Everything CI runs: format, clippy, docs, deployment, unit, property and integration tests, instruction counts
	$(CARGO) test --workspace --locked
	$(MAKE) counts

conformance: deps promtool ## The pipeline on a real MinIO and RabbitMQ 4, its traces in a real Jaeger; builds or unpacks them (needs Go; minutes the first time)
	@deploy/scripts/conformance

manifests: ## Render deploy/k8s from the chart, and give the chart its copies of rules and dashboard
	@DEPLOY_REQUIRE=1 deploy/scripts/deploy-tools helm
	@deploy/scripts/manifests

deploy-check: deps promtool ## Check all that deploys it: chart, manifests, compose file, rules, image, workflows (builds tools; needs Go, minutes the first time)
	@deploy/scripts/install-deps --yaml
	@deploy/scripts/deploy-tools
	@deploy/scripts/deploy-check

image-check: ## Build the image's program by the Dockerfile's own command and run it in an empty root (as root)
	@deploy/scripts/install-deps --image
	@DEPLOY_REQUIRE=1 deploy/scripts/deploy-tools hadolint
	@DEPLOY_REQUIRE=1 deploy/scripts/check-image --build

lint: ## Formatting and clippy, warnings denied; the lock file of the fuzz targets
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) metadata --manifest-path fuzz/Cargo.toml --locked --format-version 1 >/dev/null

docs: ## API documentation, warnings denied
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked --document-private-items

# How large: ITEMS, ROUNDS, CASES=a,c and LATENCY (seconds; 0: none); two builds: MILLRACE_BIN=old=/path,new=/path; axes: AXES, MOST_ROWS.
SPEED = $${CARGO_TARGET_DIR:-target}/release/millrace-speed
BENCHES = $${CARGO_TARGET_DIR:-target}/bench
BENCH ?= speed
bench: deps ## Speed, cost and latency beside the limits (docs/performance.md; BENCH=axes: as work grows; or batches, traces, scale, restarts, page)
ifneq ($(filter speed axes,$(BENCH)),)
	$(CARGO) build --release --locked --workspace --bin millrace --bin millrace-speed
	$(SPEED) run --json $(if $(JSON),$(JSON),$(BENCHES)/$(BENCH).json) $(if $(filter axes,$(BENCH)),--scale $(or $(AXES),rows,projects,objects,replicas)) $(if $(PINNED),--pinned)
else
	$(CARGO) bench --locked --workspace --bench $(BENCH)
endif

bench-peers: deps ## The product beside consumers in Go and Python, which it builds (needs Go; minutes; PINNED=1: Postgres on one core, the consumer on another)
	benches/peers/build
	$(CARGO) build --release --locked --workspace --bin millrace --bin millrace-speed
	$(SPEED) run --json $(if $(JSON),$(JSON),$(BENCHES)/peers$(if $(PINNED),-pinned).json) --peers $(BENCHES)/peers --kill $(if $(PINNED),--pinned)

bench-render: ## Write the figures of REPORTS="a.json b.json" into docs/performance.md, and the plot
	$(CARGO) build --release --locked --workspace --bin millrace-speed
	$(SPEED) render $(REPORTS)

counts: ## Instructions of parsing, writing and a hop through the engine beside benches/counts/baseline; +5 % fails (REFRESH=1: a new baseline)
	@deploy/scripts/install-deps --valgrind
	$(CARGO) build --locked --workspace --bin millrace-stack
	$(CARGO) build --release --locked --workspace --bin millrace-counts
	benches/counts/run $(if $(REFRESH),--refresh)

SEED ?= 1
MINUTES ?= 5
chaos: deps ## Break everything around it under load and check every row afterwards (SEED=1 MINUTES=5)
	$(CARGO) build --release --locked --workspace --bins
	$${CARGO_TARGET_DIR:-target}/release/millrace-chaos --seed $(SEED) --minutes $(MINUTES) $(if $(JSON),--json $(JSON))

mutants: deps ## Break the product by each patch of tests/chaos/mutations and demand that its test goes red (ONLY="no_ledger no_drain": some of them)
	@tests/chaos/mutations/run $(ONLY)

FUZZ_SECONDS ?= 60
fuzz: ## Fuzz every parser of untrusted bytes, a minute each (needs a nightly toolchain and cargo-fuzz)
	@cd fuzz && for target in $$(cargo +nightly fuzz list); do mkdir -p corpus/$$target; \
	  cargo +nightly fuzz run $$target corpus/$$target seeds/$$target -- -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=4096 || exit 1; done

deny: ## Licences, sources, bans; advisories where they can be reached (installs cargo-deny; minutes the first time)
	@deploy/scripts/deny

sbom: ## Bill of materials of the program, CycloneDX, into target/sbom (installs cargo-cyclonedx; minutes the first time)
	@deploy/scripts/sbom
