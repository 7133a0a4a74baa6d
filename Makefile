# Each target does all its own set-up; nothing is done again when nothing changed. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin
BUILT_FROM := pyproject.toml constraints.txt $(shell find CMakeLists.txt core src -name CMakeLists.txt -o -name '*.cpp' -o -name '*.h' 2>/dev/null)
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
ARGS ?=

.PHONY: help run test core lint bench clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 14

run: .venv/installed ## train on the embedded handwritten digits and write a report
	$(BIN)/recorrente train digits $(ARGS)

test: core ## every test: the core's own, then the package's
	$(BIN)/ctest --test-dir build/core --output-on-failure
	$(BIN)/python -m pytest $(ARGS)

core: .venv/dev ## the core alone, with its tests and its bench
	@$(BIN)/cmake -S core -B build/core -G Ninja -DCMAKE_MAKE_PROGRAM="$(CURDIR)/$(BIN)/ninja" -DRECORRENTE_TESTS=ON >/dev/null
	@$(BIN)/cmake --build build/core

lint: .venv/dev ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: core ## ours against torch.nn at every published shape
	env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(BIN)/python benchmarks/layers.py --peak-from build/core/bench/sweep_bench $(ARGS)

clean: ## remove what make made
	rm -rf .venv build

.venv/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "recorrente needs Python 3.10 or newer")'
	$(PYTHON) -m venv .venv
	touch $@

.venv/installed: .venv/python $(BUILT_FROM)
	$(INSTALL) --editable .
	touch $@

.venv/dev: .venv/python $(BUILT_FROM)
	$(INSTALL) --editable '.[test,lint]'
	touch .venv/installed $@
