# Bargebox. `make` alone explains what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PY := .venv/bin/python
# More arguments for the command behind a target: make demo ARGS="--ready-file FILE"
ARGS ?=

.PHONY: help demo test lint unit integration browser platforms bench bench-platforms bench-sound \
  fuzz corpus api-reference pictures lock texts clean setup-demo setup-test setup-fuzz setup-bench

help: ## Explain the targets
	@echo 'Bargebox: the supervisor box. Targets (each sets up what it needs by itself):'
	@echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(firstword $(MAKEFILE_LIST)) | \
	  while IFS='|' read -r name text; do printf '%-20s %s\n' "$$name" "$$text"; done
	@echo
	@echo 'ARGS="..." goes to the command behind demo, the kinds of tests, the benches, fuzz, corpus and lock.'

# They wait more than they work, so several run side by side, all but those that are marked `alone`
# because they measure sound or time; each worker has a network of its own,
# where servers of one kind do not meet. One that died ends the run.
WORKERS ?= 2
SIDE_BY_SIDE = --tx '$(WORKERS)*popen//python=tools/in-namespace $(PY)' --max-worker-restart 0
PLATFORM_TESTS = $(PY) -m pytest tests/platforms $(SIDE_BY_SIDE) --dist loadgroup

# The demo dies with this make however make dies, so that no process is ever left behind.
demo: setup-demo ## Start the box with its sandbox contact centre; Ctrl-C ends it
	@exec setpriv --pdeathsig TERM .venv/bin/bargebox demo $(ARGS)

test: lint ## Everything that must be green: lint, unit, integration, browser and platform tests
	@$(PY) -m pytest tests/unit -n $(WORKERS)
	@$(PY) -m pytest tests/integration tests/browser -m alone
	@$(PY) -m pytest tests/integration tests/browser -m "not alone" $(SIDE_BY_SIDE) --dist loadfile
	@$(PLATFORM_TESTS)

lint: setup-test ## ruff, mypy --strict and the import contracts
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports

unit: setup-test ## Only the unit tests
	@$(PY) -m pytest tests/unit $(ARGS)

integration: setup-test ## Only the integration tests (real servers, sound and processes)
	@$(PY) -m pytest tests/integration $(ARGS)

browser: setup-test ## Only the tests of the page in a real Chromium
	@$(PY) -m pytest tests/browser $(ARGS)

platforms: setup-test ## Only the contract of the platform drivers, at their real servers
	@$(PLATFORM_TESTS) $(ARGS)

bench: setup-test ## Measure; prints a table and writes build/bench.json
	@$(PY) -m tests.bench $(ARGS)

bench-platforms: setup-test ## Measure at every platform; writes build/bench-platforms.json
	@tools/in-namespace $(PY) -m tests.bench.platforms $(ARGS)

# Half an hour. ARGS="--only clean stall --seeds 2" is quicker; docs/sound.md has the rest.
bench-sound: setup-bench ## Listen to receivers side by side; writes build/bench-sound.json
	@$(PY) -m tests.bench.sound $(ARGS)

# Ten minutes for each parser: ARGS="--minutes 1 --only sip". Finds stay in build/fuzz.
fuzz: setup-fuzz ## Fuzz what reads the platforms' words, for an hour and more
	@$(PY) -m tests.fuzz $(ARGS)

# All of them, or ARGS="asterisk-opus-hold chromium-opus-dtx". What is heard differs each time.
corpus: setup-test ## Record the captures of real senders that the unit tests replay
	@tools/in-namespace $(PY) -m tests.corpus.capture $(ARGS)

pictures: setup-test ## Take the documentation's pictures anew, of the running box
	@$(PY) -m tests.pictures

api-reference: setup-test ## Write docs/api.md from what the API says of itself
	@$(PY) -m tools.api_reference

# The locks name no index and no path, so that they hold for every machine's mirrors.
# ARGS=--upgrade takes the newest versions, otherwise what is locked stays.
UV := build/lock/bin/uv
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-annotate --no-header

lock: ## Write the lock files from pyproject.toml
	@test -x $(UV) || { python3 -m venv build/lock && build/lock/bin/pip install -q uv; }
	@build/lock/bin/python -c "import tomllib; file = open('pyproject.toml', 'rb'); \
	  print(*tomllib.load(file)['build-system']['requires'], sep='\n')" >build/lock/build.in
	@$(COMPILE) $(ARGS) build/lock/build.in -o requirements-build.lock
	@$(COMPILE) $(ARGS) pyproject.toml -c requirements-build.lock -o requirements.lock
	@$(COMPILE) $(ARGS) pyproject.toml --extra test -c requirements.lock \
	  -o requirements-test.lock
	@for extra in fuzz bench; do \
	  build/lock/bin/python -c "import sys, tomllib; file = open('pyproject.toml', 'rb'); \
	    print(*tomllib.load(file)['project']['optional-dependencies'][sys.argv[1]], sep='\n')" \
	    $$extra >build/lock/$$extra.in && \
	  $(COMPILE) $(ARGS) build/lock/$$extra.in -c requirements-test.lock \
	    -o requirements-$$extra.lock || exit; \
	done
	@wc -l requirements*.lock

# What is new is written at the end of its file's texts, without a translation: that is for people.
texts: setup-test ## Bring the page's texts in other languages up to date
	@$(PY) -m tests.texts

clean: ## Remove what was built, the environment included
	rm -rf build .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

setup-demo:
	@tools/setup demo

setup-test:
	@tools/setup test

setup-fuzz:
	@tools/setup fuzz

setup-bench:
	@tools/setup bench
