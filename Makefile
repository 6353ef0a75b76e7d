# redis-kafka: `make` alone lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CARGO ?= cargo
# Where Kafka's jars for the tests are kept, outside the repository.
export REDIS_KAFKA_CACHE ?= $(HOME)/.cache/redis-kafka
# A variant of the module with a command that injects panics: tests only.
PANIC_TARGET := target/panic-injection
# Scenarios wait for servers most of their time: more of them at once than there are cores.
export RUST_TEST_THREADS ?= 6
# How long each fuzz target runs.
FUZZ_SECONDS ?= 60
SHELL_SCRIPTS = $(shell git ls-files '*.sh' .ci/run)

.PHONY: help setup build demo test test-faults test-matrix module-with-panics bench bench-records fuzz lint clean

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r name text; do printf '  make %-14s %s\n' "$$name" "$$text"; done

setup: ## Install what building and testing need, or name what is missing
	@scripts/setup.sh test
	@echo "setup: everything is in place"

build: ## Build target/release/libredis_kafka.so (the module) and target/release/redis-kafka
	@scripts/setup.sh build
	$(CARGO) build --release --workspace

demo: build ## Show live records arriving in Redis; KAFKA=host:port uses that broker
	@KAFKA="$(KAFKA)" demo/demo.sh

test: build module-with-panics ## Run unit and integration tests on a real Kafka and redis-server
	@scripts/setup.sh test
	REDIS_KAFKA_PANIC_MODULE=$(CURDIR)/$(PANIC_TARGET)/release/libredis_kafka.so $(CARGO) test --release --workspace --lib --bins --tests

test-faults: export REDIS_KAFKA_FAULTS = full
test-faults: test ## The same tests with the full counts of kills and cuts (takes long)

# Every server that the tests know; `installed` is the one in the PATH.
SERVERS ?= installed redis-7.4 redis-8.2 valkey-9.1
test-matrix: build module-with-panics ## Run the scenarios on Redis 7.0, 7.4, 8.2 and Valkey 9 (SERVERS="..." for some)
	@scripts/setup.sh test
	for server in $(SERVERS); do \
	  echo "test-matrix: $$server"; \
	  REDIS_KAFKA_SERVER=$$server REDIS_KAFKA_PANIC_MODULE=$(CURDIR)/$(PANIC_TARGET)/release/libredis_kafka.so $(CARGO) test --release -p redis-kafka-tests --test scenarios; \
	done

module-with-panics:
	@scripts/setup.sh build
	$(CARGO) build --release -p redis-kafka-module --features panic-injection --target-dir $(PANIC_TARGET)

bench: build $(if $(ARGS),,bench-records) ## Measure speed and latency on a real Kafka; ARGS="throughput" or "--help" narrow it
	@scripts/setup.sh test
	$(CARGO) run --release --manifest-path bench/Cargo.toml -- $(ARGS)

bench-records: ## Measure the record path beside the libraries; count its instructions (valgrind)
	@command -v valgrind >/dev/null || { echo "bench-records: valgrind is missing: apt-get install valgrind" >&2; exit 1; }
	$(CARGO) bench --manifest-path bench/records/Cargo.toml
	$(CARGO) run --release --manifest-path bench/records/Cargo.toml --bin counts

fuzz: ## Fuzz every parser of bytes for FUZZ_SECONDS each (cargo-fuzz, nightly Rust)
	@cargo fuzz --version >/dev/null 2>&1 || { echo "fuzz: cargo-fuzz is missing: cargo install cargo-fuzz" >&2; exit 1; }
	@# Without AddressSanitizer: librdkafka's configure cannot link a zstd that has it, and
	@# what is fuzzed is safe Rust.
	@for target in $$(cargo +nightly fuzz list); do \
	  mkdir -p fuzz/corpus/$$target; \
	  cargo +nightly fuzz run --sanitizer none $$target fuzz/corpus/$$target fuzz/seeds/$$target -- -max_total_time=$(FUZZ_SECONDS) || exit 1; \
	done

lint: ## Check format, clippy, that the benchmarks build, and, where installed, cargo-deny and shellcheck
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) clippy --lib --bins -p redis-kafka-engine -p redis-kafka-module -p redis-kafka -- -D warnings -D clippy::unwrap_used -D clippy::expect_used
	@# No test builds the measurements: here it is seen that they still do.
	$(CARGO) check --release --manifest-path bench/Cargo.toml
	$(CARGO) check --release --manifest-path bench/records/Cargo.toml --all-targets
	@if $(CARGO) deny --version >/dev/null 2>&1; then $(CARGO) deny check bans licenses sources; else echo "lint: cargo-deny is not installed, skipped (cargo install cargo-deny)"; fi
	@if command -v shellcheck >/dev/null; then shellcheck $(SHELL_SCRIPTS); else echo "lint: shellcheck is not installed, skipped (apt-get install shellcheck)"; fi

clean: ## Remove what was built (the cache of Kafka's jars stays)
	$(CARGO) clean
