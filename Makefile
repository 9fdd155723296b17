# `make demo` and `make test` work on a fresh machine with Python 3.11 and nothing else of ours.
PYTHON ?= python3.11
PIP_OPTIONS ?=
ENGLISH ?= ../shared/data/stance_transfer/english_pairs.jsonl
CONSULTATIONS ?= $(wildcard ../shared/data/consultations/*_arguments.jsonl)
PYTEST_OPTIONS ?= -n 2 --dist loadfile
VENV := .venv
BIN := $(VENV)/bin
export HF_HUB_OFFLINE ?= 1
export TOKENIZERS_PARALLELISM ?= false

.PHONY: atproto demo test test-slow check train bench install install-test lock clean

demo: $(VENV)/.installed
	$(BIN)/polyphonie demo

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest $(PYTEST_OPTIONS) -m "not slow"

test-slow: $(VENV)/.installed-test
	$(BIN)/python -m pytest $(PYTEST_OPTIONS) -m slow

# A real atproto network for the tests of Bluesky: 700 MB and some minutes, once; without it they skip.
atproto: $(VENV)/.installed-test
	PYTHON=$(CURDIR)/$(BIN)/python tests/servers/atproto/install.sh

check: $(VENV)/.installed-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# ENGLISH: JSONL of {proposal, text, stance}; CONSULTATIONS: of arguments. The model card names them.
train: $(VENV)/.installed
	$(BIN)/polyphonie train stance --english $(ENGLISH) $(foreach file,$(CONSULTATIONS),--consultations $(file)) \
	    --to nlp/models/stance_fr --name stance-fr-0.2

install: $(VENV)/.installed
install-test: $(VENV)/.installed-test

$(VENV)/bin/python:
	python=$$(command -v $(PYTHON) || command -v python3) && \
	$$python -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 13) else "Polyphonie needs Python 3.11 or 3.12: make PYTHON=/path/to/python3.11")' && \
	$$python -m venv $(VENV) || (rm -rf $(VENV); exit 1)

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_OPTIONS) -c constraints.txt -e .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_OPTIONS) -c constraints.txt -e '.[test,check]'
	touch $@

# After a change of dependencies: install by hand in the environment, then write down what was tested.
lock:
	$(BIN)/python -m pip freeze --exclude-editable | sed 's/+cpu$$//' > constraints.txt

clean:
	rm -rf $(VENV) build dist *.egg-info
