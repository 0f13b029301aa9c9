# make test       everything that guards a change; some minutes
# make test-long  also the rule pages on every CPython that pyenv has, with the libraries they need
# make bench      hermetic-check against its peers on real packages; half an hour and 2 GB of downloads

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.PHONY: test test-long bench fmt update

PYTHON ?= python3
VENV := target/venv
SKIPPED := $(CURDIR)/target/skipped.txt
export HERMETIC_SKIPPED := $(SKIPPED)

# run NAME COMMAND...: run it, and say how long it took.
define prelude
run() {
  local name=$$1 start=$$SECONDS; shift
  echo "== $$name"
  "$$@" || { echo "== $$name: FAILED after $$((SECONDS - start)) s"; exit 1; }
  echo "== $$name: $$((SECONDS - start)) s"
}
skip() { echo "SKIPPED $$*" | tee -a $(SKIPPED); }
closing() {
  local count; count=$$(wc -l <$(SKIPPED))
  if [ "$$count" -gt 0 ]; then echo "== skipped here: $$count"; cat $(SKIPPED); fi
}
endef

test:
	@$(prelude)
	mkdir -p target; : >$(SKIPPED)
	run "rustfmt" cargo fmt --all --check
	run "clippy" cargo clippy --workspace --all-targets --quiet -- -D warnings
	run "python lint" make --no-print-directory python-lint
	run "build" cargo build --workspace --bins --quiet
	run "tests of the crates" cargo test --workspace --exclude hermetic-tests
	run "tests over the workspace" cargo test --package hermetic-tests
	closing

.PHONY: python-lint
python-lint:
	@$(prelude)
	if [ ! -e $(VENV)/done ] || [ tests/requirements.txt -nt $(VENV)/done ]; then
	  $(PYTHON) -m venv $(VENV)
	  if ! $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt; then
	    skip "python lint: its tools cannot be installed here"
	    exit 0
	  fi
	  touch $(VENV)/done
	fi
	$(VENV)/bin/ruff check --config tests/ruff.toml tests
	$(VENV)/bin/ruff format --config tests/ruff.toml --check tests
	$(VENV)/bin/mypy --strict --no-error-summary tests/bench tests/pages tests/generate

# Each CPython gets an environment with what the pages' examples need, as far as it can be installed there.
test-long: test
	@$(prelude)
	: >$(SKIPPED)
	pythons=
	for version in 3.9 3.10 3.11 3.12 3.13 3.14; do
	  python=$$(compgen -G "$$(pyenv root 2>/dev/null)/versions/$$version.*/bin/python" | head -n 1) || true
	  if [ -z "$$python" ]; then skip "pages on Python $$version: pyenv has none"; continue; fi
	  venv=$(CURDIR)/target/pages/$$version
	  [ -x "$$venv/bin/python" ] || "$$python" -m venv "$$venv"
	  tail -n +2 tests/pages/needs.csv | while IFS=, read -r distribution module; do
	    "$$venv/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: "$$distribution" \
	      >/dev/null 2>&1 || skip "pages on Python $$version: $$distribution ($$module) cannot be installed"
	  done
	  pythons=$$pythons:$$venv/bin/python
	done
	HERMETIC_PYTHONS=$${pythons#:} run "pages on every Python" cargo test --package hermetic-tests pages_run
	closing

bench:
	$(PYTHON) tests/bench/run.py

fmt:
	cargo fmt --all
	$(VENV)/bin/ruff format --config tests/ruff.toml tests
	$(VENV)/bin/ruff check --config tests/ruff.toml --fix tests

# Rewrite the documents that are made from the code.
update:
	UPDATE=1 cargo test --quiet --package hermetic-tests -- generated schema documents catalog
