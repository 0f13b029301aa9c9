# make test       everything that guards a change; some minutes
# make test-long  also what works without the guard on every CPython, rule pages with the libraries they need,
#                 real programs, and CPython's own tests with the guard in the process and without; an hour
# make pictures   the pictures of the documents, made anew in Chromium
# make packages   what is shipped: the wheels and source distributions, in target/packages; ten minutes
# make fuzz       every fuzz target for TIME seconds; needs cargo-fuzz
# make bench      hermetic-check against its peers on real packages; half an hour and 2 GB of downloads
# make bench-guard  the guard against no guard and against hermetic-seal; a minute

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.PHONY: test test-long bench bench-guard fmt update pictures

PYTHON ?= python3
VENV := target/venv
WHEELS := target/wheels
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
# The interpreters with the guard in them, separated by colons; what is missing is told.
guarded() { $(PYTHON) tests/pythons/environments.py "$$@" 2> >(tee -a $(SKIPPED) >&2); }
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
	run "wheel" make --no-print-directory wheel
	run "packages" make --no-print-directory packages-test
	export HERMETIC_GUARDED=
	if [ -e $(WHEELS) ]; then HERMETIC_GUARDED=$$(guarded $(WHEELS)/*.whl); fi
	run "tests of the crates" cargo test --workspace --exclude hermetic-tests
	HERMETIC_PYPY=$$($(PYTHON) tests/pythons/pypy.py 2> >(tee -a $(SKIPPED) >&2))
	export HERMETIC_PYPY
	for python in $${HERMETIC_GUARDED//:/ }; do
	  # What test_native puts before everything else: the package as it is installed.
	  HERMETIC_PACKAGE=$$($$python -I -c 'import pathlib, hermetic; print(pathlib.Path(hermetic.__file__).parents[1])')
	  export HERMETIC_PACKAGE
	  run "tests of the package: $$python" $$python -m unittest discover --quiet --start-directory runtime-guard/tests
	done
	HERMETIC_TESTING=
	if [ -e $(WHEELS) ]; then HERMETIC_TESTING=$$($(PYTHON) tests/pythons/testing.py $(WHEELS)/*.whl 2> >(tee -a $(SKIPPED) >&2)); fi
	for python in $${HERMETIC_TESTING//:/ }; do
	  run "tests of the plugin: $$python" $$python -m unittest discover --quiet --start-directory runtime-guard/tests/plugin
	done
	run "tests over the workspace" cargo test --package hermetic-tests
	closing

# Tools, and what builds the wheel.
$(VENV)/done: tests/requirements.txt
	@$(prelude)
	$(PYTHON) -m venv $(VENV)
	if $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt; then
	  touch $@
	else
	  skip "python lint and the guard's wheel: their tools cannot be installed here"
	fi

# One wheel for every CPython. `WHEEL=--release` makes the one that is shipped.
.PHONY: wheel
wheel: $(VENV)/done
	@$(prelude)
	rm -rf $(WHEELS)
	if [ ! -e $(VENV)/bin/maturin ]; then skip "what runs under the guard: its wheel cannot be built here"; exit 0; fi
	cd runtime-guard
	../$(VENV)/bin/maturin build --quiet $(WHEEL) --out ../$(WHEELS) --target-dir ../target

# Tools that build the packages and look at them, and those that install and use them.
$(VENV)/packages-done: $(VENV)/done release/requirements.txt tests/packages/requirements.txt
	@$(prelude)
	if $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r release/requirements.txt -r tests/packages/requirements.txt; then
	  touch $@
	else
	  skip "the packages, the hooks and the recipes: their tools cannot be installed here"
	fi

# What is shipped: both wheels and both source distributions, in target/packages.
.PHONY: packages
packages: $(VENV)/packages-done
	$(VENV)/bin/python release/build.py

# The same as Cargo's usual build gives it, used in the ways that people do.
.PHONY: packages-test
packages-test: $(VENV)/packages-done
	@$(prelude)
	if [ ! -e $(VENV)/packages-done ]; then exit 0; fi
	export HERMETIC_PACKAGES=target/packages-test
	rm -rf $$HERMETIC_PACKAGES
	$(VENV)/bin/python release/build.py --profile dev --out $$HERMETIC_PACKAGES
	$(VENV)/bin/python -m unittest discover --start-directory tests/packages

.PHONY: python-lint
python-lint: $(VENV)/done $(VENV)/packages-done
	@$(prelude)
	if [ ! -e $(VENV)/done ]; then exit 0; fi
	$(VENV)/bin/ruff check --config tests/ruff.toml tests release distribution
	$(VENV)/bin/ruff format --config tests/ruff.toml --check tests release distribution
	$(VENV)/bin/ruff check --config runtime-guard/ruff.toml runtime-guard
	$(VENV)/bin/ruff format --config runtime-guard/ruff.toml --check runtime-guard
	export MYPYPATH=runtime-guard/python
	$(VENV)/bin/mypy --strict --no-error-summary tests/bench tests/generate tests/pages tests/fuzz
	$(VENV)/bin/mypy --strict --no-error-summary tests/escapes tests/pythons tests/real/under_guard.py tests/real/inside.py tests/real/fixes.py tests/transparency tests/editors/install.py
	$(VENV)/bin/mypy --strict --no-error-summary runtime-guard/python
	if [ ! -e $(VENV)/packages-done ]; then exit 0; fi
	export MYPYPATH=release:tests/packages:distribution/python
	$(VENV)/bin/mypy --strict --no-error-summary release distribution/python distribution/backend.py tests/packages

# Each CPython gets an environment with what the pages' examples need, as far as it can be installed there.
test-long: test
	@$(prelude)
	: >$(SKIPPED)
	run "the extension for Zed" env HERMETIC_LONG=1 cargo test --package hermetic-tests the_extension_for_zed
	rm -rf $(WHEELS)
	run "wheel" make --no-print-directory wheel WHEEL=--release
	if [ -e $(VENV)/packages-done ]; then
	  # Both projects, twice, from different folders; then installed from the sources, and pre-commit on this repository.
	  run "packages" $(VENV)/bin/python release/build.py --twice
	  run "packages, used" env HERMETIC_LONG=1 $(VENV)/bin/python -m unittest discover --start-directory tests/packages
	fi
	[ -e $(WHEELS) ] || { closing; exit 0; }
	HERMETIC_GUARDED=$$(guarded --needs tests/pages/needs.csv $(WHEELS)/*.whl)
	export HERMETIC_GUARDED HERMETIC_PYTHONS=$$HERMETIC_GUARDED
	run "pages on every Python" cargo test --package hermetic-tests pages_run
	run "escapes on every Python" env HERMETIC_LONG=1 cargo test --package hermetic-tests escapes
	for python in $${HERMETIC_GUARDED//:/ }; do
	  # Kills, threads and forks for a minute each, where `make test` has seconds.
	  HERMETIC_PACKAGE=$$($$python -I -c 'import pathlib, hermetic; print(pathlib.Path(hermetic.__file__).parents[1])')
	  export HERMETIC_PACKAGE
	  run "faults: $$python" env HERMETIC_LONG=1 $$python -m unittest discover --quiet --start-directory runtime-guard/tests --pattern test_faults.py
	  run "learning: $$python" env HERMETIC_LONG=1 $$python -m unittest discover --quiet --start-directory runtime-guard/tests --pattern test_learn_generated.py
	done
	run "CPython's tests, with and without" $(PYTHON) tests/transparency/run.py $$HERMETIC_GUARDED | tee >(grep ^SKIPPED >>$(SKIPPED) || true)
	run "real programs" $(PYTHON) tests/real/under_guard.py $(WHEELS)/*.whl | tee >(grep ^SKIPPED >>$(SKIPPED) || true)
	cargo build --quiet --package hermetic-check
	run "fixed packages" $(PYTHON) tests/real/fixes.py target/debug/hermetic-check | tee >(grep ^SKIPPED >>$(SKIPPED) || true)
	run "cost of the guard" $(PYTHON) tests/bench/guard.py
	run "cost of the plugin" $(PYTHON) tests/bench/pytest_cost.py $$($(PYTHON) tests/pythons/testing.py $(WHEELS)/*.whl 3.11)
	closing

# The wheel that is shipped, measured; prints ratios and the targets they are held against.
bench-guard:
	@make --no-print-directory wheel WHEEL=--release
	$(PYTHON) tests/bench/guard.py
	$(PYTHON) tests/bench/pytest_cost.py $$($(PYTHON) tests/pythons/testing.py $(WHEELS)/*.whl 3.11)

bench:
	$(PYTHON) tests/bench/run.py

# Each target for so many seconds, from seeds that the pages give; what is found is in target/fuzz.
.PHONY: fuzz
TIME ?= 1800
TARGETS ?= decoding summary configuration suppressions stored edits
fuzz:
	@$(prelude)
	cargo build --quiet --package hermetic-check
	$(PYTHON) tests/fuzz/seeds.py target/fuzz/seeds
	for target in $(TARGETS); do
	  mkdir -p target/fuzz/corpus/$$target target/fuzz/artifacts/$$target
	  run "fuzzing $$target" cargo fuzz run --fuzz-dir tests/fuzz --target-dir target/fuzz/build --sanitizer none $$target \
	    target/fuzz/corpus/$$target target/fuzz/seeds/$$target -- \
	    -max_total_time=$(TIME) -rss_limit_mb=4096 -timeout=20 -print_final_stats=1 -artifact_prefix=target/fuzz/artifacts/$$target/
	done

fmt:
	cargo fmt --all
	$(VENV)/bin/ruff format --config tests/ruff.toml tests release distribution
	$(VENV)/bin/ruff check --config tests/ruff.toml --fix tests release distribution
	$(VENV)/bin/ruff format --config runtime-guard/ruff.toml runtime-guard
	$(VENV)/bin/ruff format --config runtime-guard/ruff.toml runtime-guard/python runtime-guard/tests
	$(VENV)/bin/ruff check --config runtime-guard/ruff.toml --fix runtime-guard/python runtime-guard/tests

# Rewrite the documents that are made from the code.
update:
	UPDATE=1 cargo test --quiet --package hermetic-tests -- generated schema documents catalog vscode::the_settings

# The pictures in the documents; they are other ones where the fonts are.
pictures:
	HERMETIC_PICTURES=1 cargo test --quiet --package hermetic-tests -- browser vscode::somebody
