# Everything happens in .venv, which the first target to need it makes: `make demo` and `make test` want no other set-up.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
DEMO := .demo

.DEFAULT_GOAL := help
.PHONY: help demo test test-all test-slow lint bench notebooks clean

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

# setuptools comes first and from constraints.txt too, so that the build takes nothing that is not pinned.
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Pincite needs Python 3.11 or newer; name one: make PYTHON=python3.12" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV): 2 GB, a few minutes, once"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt setuptools
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation -c constraints.txt -e '.[test]'
	@touch $@

# A library, settings and a cache of its own: whatever the user has set or ingested is neither used nor touched.
demo: export PINCITE_LIBRARY = $(DEMO)/library
demo: export PINCITE_SETTINGS = $(DEMO)/settings.toml
demo: export PINCITE_CACHE = $(DEMO)/cache
demo: export PINCITE_LLM =
demo: export PINCITE_MODEL =
demo: export PINCITE_EMBEDDER =
demo: export PINCITE_TOKENIZER =
demo: export PINCITE_WINDOW =
demo: export PINCITE_RESERVE =
demo: export PINCITE_TIMEOUT =
demo: $(INSTALLED)  ## ingest data/ and ask it three questions
	@rm -rf $(DEMO) && mkdir $(DEMO)
	$(BIN)/pincite ingest data
	@for question in \
		"How many days of paid leave does a new employee get?" \
		"À quelle heure part désormais le bus du matin depuis Part-Dieu ?" \
		"As a newcomer, by when do I have to finish the fire safety course?" \
	; do \
		printf '\n$$ pincite ask "%s"\n\n' "$$question"; \
		$(BIN)/pincite ask "$$question" | tee $(DEMO)/answer.txt; \
		grep -q '^\[[0-9]' $(DEMO)/answer.txt || { echo "demo: no cited answer" >&2; exit 1; }; \
	done

test: lint  ## ruff, mypy, and every test that is not slow
	$(BIN)/python -m pytest -m "not slow"

test-slow: $(INSTALLED)  ## the slow tests alone
	$(BIN)/python -m pytest -m slow

test-all: lint  ## ruff, mypy, and every test
	$(BIN)/python -m pytest

lint: $(INSTALLED)  ## ruff and mypy
	$(BIN)/ruff check
	$(BIN)/ruff format --check --quiet
	$(BIN)/mypy

bench: $(INSTALLED)  ## measure speed, memory, coverage and answers, and the peers beside: 20 minutes
	$(BIN)/python -m tests.benchmarks

notebooks: $(INSTALLED)  ## run the notebooks and keep what they show
	$(BIN)/jupyter execute --inplace --kernel_name=python3 notebooks/*.ipynb

clean:  ## remove .venv, the demo's library and every cache
	rm -rf $(VENV) $(DEMO) .bench build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
