# The commands that always work: each sets up what it needs. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := $(wildcard /var/lib/dpkg/status)

.DEFAULT_GOAL := help
.PHONY: help venv demo test test-fast test-platforms test-unit unit-channel unit-device unit-serving unit-others check coverage mutants bench bench-quick build deb rpm image release clean system-packages

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: $(VENV)/installed $(VENV)/systemd  ## set up .venv, with prhelper and all that tests and linters need

# Dependency groups need pip 25.1, which is newer than the one that Debian 12 or 13 puts into a venv.
$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet 'pip>=25.1'
	$(BIN)/pip install --quiet --editable . --group dev
	@touch $@

# Optional, so a failure is only said; tried again when the system's packages have changed.
$(VENV)/systemd: $(VENV)/installed $(PACKAGES)
	@if ! pkg-config --exists libsystemd 2>/dev/null; then \
	   echo 'systemd-python left out (needs pkg-config, libsystemd-dev): the built-in protocol is used'; \
	 elif ! $(BIN)/pip install --quiet --editable '.[systemd]' >$@.log 2>&1; then \
	   echo 'systemd-python left out, it cannot be built (needs gcc, python3-dev; see $@.log): the built-in protocol is used'; \
	 fi
	@touch $@

system-packages:  ## install the Debian packages that the tests need, or say which
	@tools/system-packages.sh

demo: venv  ## a cluster of two nodes fails over, on an emulated disk
	@$(BIN)/python -m demo

test: system-packages  ## every test, those in emulated machines too: minutes
	@$(MAKE) --no-print-directory venv
	$(BIN)/python -m pytest

test-fast: venv  ## every test but those in emulated machines
	$(BIN)/python -m pytest -m 'not kernel'

SUITES := bookworm trixie forky
test-platforms: system-packages  ## every test on Debian 12, 13 and the next, each in a root of its own: as root; three hours
	@$(MAKE) --no-print-directory venv
	@failed=; for suite in $(SUITES); do echo "$$suite:"; \
	   PRHELPER_THOROUGH=yes $(BIN)/python -m tools.platforms $$suite || failed="$$failed $$suite"; done; \
	 [ -z "$$failed" ] || { echo "failed:$$failed"; exit 1; }

test-unit: venv  ## the quick tests of single modules: seconds
	@$(MAKE) --no-print-directory --jobs 4 --output-sync $(UNIT)

# Four processes for two processors, since many tests wait: to distribute tests takes longer than these tests. What
# Python has compiled is kept, whatever the environment says: to compile takes a quarter of the time.
UNIT := unit-channel unit-device unit-serving unit-others
QUICKLY := $(BIN)/python -m pytest -q -p no:cacheprovider -m 'unit and not slow' --hypothesis-profile quick tests/unit
$(UNIT) coverage mutants: export PYTHONDONTWRITEBYTECODE :=
unit-channel unit-device:
	$(QUICKLY)/$(@:unit-%=%)
unit-serving:
	$(QUICKLY)/serving tests/unit/scheduler
unit-others:
	$(QUICKLY) $(addprefix --ignore tests/unit/,channel device serving scheduler)

check: venv  ## linters, types, spelling, the direction of imports, the manual's markup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/codespell
	$(BIN)/lint-imports --no-logo --cache-dir .cache/imports
	@if command -v mandoc >/dev/null; then mandoc -T lint -W warning man/*.8; \
	 else echo 'the manual is not checked (needs mandoc)'; fi

coverage: venv  ## how much of the core its unit tests run: at least 95 % of lines and branches
	@$(BIN)/python -m tools.coverage

mutants: venv  ## do the tests notice when a condition of the core is wrong? a long while
	@$(BIN)/python -m tools.mutants

bench: venv  ## prhelper beside the C helper; needs gcc and qemu-system-common
	@$(BIN)/python -m bench

bench-quick: venv  ## only proves that the benchmark runs; its figures mean nothing
	@$(BIN)/python -m bench --quick

build: venv  ## wheel and source distribution, in dist/
	@$(BIN)/python -m hatchling build

deb: venv  ## the package for this Debian, in dist/; needs debhelper, dh-python
	@$(BIN)/python -m tools.debian

rpm: venv  ## the package for this Fedora or Enterprise Linux, in dist/; needs rpm-build, python3-devel, systemd-rpm-macros
	@$(BIN)/python -m tools.rpm

image: venv  ## the container image, of the Debian package; needs buildah
	@$(BIN)/python -m tools.image

release: venv  ## make release VERSION=1.2.3: version, changelog, packages, checksums, tag; publishes nothing
	@$(BIN)/python -m tools.release $(VERSION)

clean:  ## remove everything that was made
	rm -rf $(VENV) .cache build dist .mypy_cache .pytest_cache .ruff_cache
