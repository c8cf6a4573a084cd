# The commands that always work. `make demo` and `make test` set up what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := $(wildcard /var/lib/dpkg/status)

.PHONY: venv demo test test-fast coverage mutants check bench bench-quick clean system-packages

venv: $(VENV)/installed $(VENV)/systemd

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable '.[test,check]'
	@touch $@

# Optional, so a failure is only said; tried again when the system's packages have changed.
$(VENV)/systemd: $(VENV)/installed $(PACKAGES)
	@if ! pkg-config --exists libsystemd 2>/dev/null; then \
	   echo 'systemd-python left out (needs pkg-config, libsystemd-dev): the built-in protocol is used'; \
	 elif ! $(BIN)/pip install --quiet --editable '.[systemd]' >$@.log 2>&1; then \
	   echo 'systemd-python left out, it cannot be built (needs gcc, python3-dev; see $@.log): the built-in protocol is used'; \
	 fi
	@touch $@

demo: venv
	@$(BIN)/python -m demo

system-packages:
	@tools/system-packages.sh

test: system-packages
	@$(MAKE) --no-print-directory venv
	$(BIN)/python -m pytest

# Everything but the emulated machines: seconds instead of minutes.
test-fast: venv
	$(BIN)/python -m pytest --ignore tests/kernel

# How much of the channel layer its tests run: at least 95 % of the lines, and of the branches.
coverage: venv
	@$(BIN)/python -m tools.coverage

# Each condition of the channel layer wrong in turn: do its tests notice? Ten minutes and more.
mutants: venv
	@$(BIN)/python -m tools.mutants

check: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# prhelper beside the C helper: tables, and .cache/bench/results.{json,svg}. Needs gcc and qemu-system-common.
bench: venv
	@$(BIN)/python -m bench

# Only proves that the benchmark runs; its figures mean nothing.
bench-quick: venv
	@$(BIN)/python -m bench --quick

clean:
	rm -rf $(VENV) .cache build dist .mypy_cache .pytest_cache .ruff_cache
