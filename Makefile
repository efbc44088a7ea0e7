# Two commands matter: `make run` and `make test`. Each sets up what it needs.

PYTHON ?= python3
PORT ?= 8000
STUDIES ?= 50000
BIN := .venv/bin
MANAGE := $(BIN)/python manage.py
INSTALLED := .venv/installed

.PHONY: run test lint format setup bundle conformance image clean

run: setup .env
	@$(MANAGE) migrate --verbosity 0
	@$(MANAGE) collectstatic --noinput --verbosity 0
	@$(MANAGE) seed --if-empty --studies $(STUDIES)
	@$(MANAGE) fold_rollups
	@$(MANAGE) create_demo_users
	@echo "The portal answers at http://localhost:$(PORT) (Ctrl-C stops it, the data stay)."
	@exec $(BIN)/gunicorn --config python:pacs_portal.gunicorn --bind 127.0.0.1:$(PORT) pacs_portal.wsgi

# Every core has a worker already; threads of numpy would only spin beside them. A module goes to one
# worker, for what it sets up takes time; conftest.py says which come first.
test: setup lint
	OPENBLAS_NUM_THREADS=1 $(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/djlint --check --lint --quiet templates
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	-$(BIN)/djlint --reformat --quiet templates

# Rebuild the viewer; needs Node. The result is committed.
bundle:
	frontend/build.sh

# Rewrite docs/conformance.md after a change of its claims or of a table in the code.
conformance: setup .env
	$(MANAGE) conformance

image:
	docker build -t pacs-portal .

setup: $(INSTALLED)

$(INSTALLED): requirements.txt requirements-decoders.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; name it with: make PYTHON=/path/to/python"; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear .venv \
	  || { echo "The venv module is missing: apt install python3-venv"; exit 1; }
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

# A checkout is a demonstration until somebody configures it otherwise.
.env:
	@echo "PACS_DEMONSTRATION=true" > $@

clean:
	rm -rf .venv var .mypy_cache .ruff_cache .pytest_cache
