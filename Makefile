# `make run`, `make test`, `make bench`: each installs what is missing (with apt and rustup, nothing else), builds and runs.
# Needs rustup, git, make, gcc and Debian's package manager.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := run
.PHONY: run test bench wasm chromium

sudo := $(if $(filter 0,$(shell id -u)),,sudo)
apt = $(sudo) apt-get update -qq && $(sudo) env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends -qq

# Starts Clew on http://127.0.0.1:3000. Further flags: make run ARGS="--addr 127.0.0.1:4000"
run: wasm
	cargo run --locked --release --package server --bin clew -- $(ARGS)

# Everything, the real SDKs and the browser included. One test: make test ARGS="browser::"
test: wasm chromium .venv/installed
	cargo test --locked --workspace -- $(ARGS)

# A table of medians against the targets, and JSON beside it.
bench: wasm chromium
	cargo bench --locked --package server --bench bench -- $(ARGS)

wasm:
	@[ -d "$$(rustc --print target-libdir --target wasm32-unknown-unknown)" ] || rustup target add wasm32-unknown-unknown

chromium:
	@{ command -v chromium && command -v chromedriver; } > /dev/null || { $(apt) chromium chromium-driver fonts-dejavu-core; }

.venv/installed: tests/clients/requirements.txt
	python3 -c 'import ensurepip, venv' 2> /dev/null || { $(apt) python3-venv; }
	python3 -m venv --clear .venv
	.venv/bin/pip install --quiet --disable-pip-version-check --requirement $<
	touch $@
