# `make run` starts everything; `make test` and `make lint` are what a change must pass. See README.md.

PYTHON ?= python3
VENV := .venv/bin/python
# One word for the shell even when the checkout's path contains a space: everything is relative to it.
INSTALL := $(PYTHON) -m kundomail.local.bootstrap

run:
	@$(PYTHON) manage.py up

# More workers than cores: they wait more than they work. Playwright keeps an event loop running in its process, which
# tests that start one of their own cannot share. One target for each part, so that `make -k` runs the second one also
# after a failure in the first.
test: test-server test-browser
test-server: dev
	$(VENV) -m pytest -n 3 --dist worksteal -m "not slow and not browser"
test-browser: dev
	$(VENV) -m pytest -n 4 --dist worksteal -m "browser and not slow"

test-slow: test-slow-server test-slow-browser
test-slow-server: dev
	$(VENV) -m pytest -m "slow and not browser"
test-slow-browser: dev
	$(VENV) -m pytest -n 2 -m "slow and browser"

# One target for each check, so that `make -k lint` runs the rest after a failure.
LINTS := lint-code lint-format lint-types lint-templates lint-imports lint-migrations lint-messages
lint: $(LINTS)
$(LINTS): export KUNDOMAIL_LOCAL = 1
$(LINTS): dev
lint-code:
	$(VENV) -m ruff check .
lint-format:
	$(VENV) -m ruff format --check .
lint-types:
	$(VENV) -m mypy
lint-templates:
	$(VENV) -m djlint --quiet --lint templates
lint-imports:
	.venv/bin/lint-imports --no-logo
lint-migrations:
	$(VENV) -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
lint-messages:
	$(VENV) -W ignore::RuntimeWarning manage.py messages --check

format: dev
	$(VENV) -m ruff check --fix .
	$(VENV) -m ruff format .

# Newest versions that pyproject.toml allows, with hashes and without any address. Set UV_DEFAULT_INDEX for an index
# of your own.
LOCK := UV_SYSTEM_CERTS=true $(VENV) -m uv pip compile --quiet --universal --python-version 3.11 --upgrade \
	--generate-hashes --no-header --no-annotate
lock: dev
	$(LOCK) pyproject.toml -o requirements/run.txt
	$(LOCK) pyproject.toml --group local -o requirements/local.txt
	$(LOCK) pyproject.toml --group local --group dev -o requirements/dev.txt
	$(LOCK) --group bench -o requirements/bench.txt
	$(LOCK) pyproject.toml --group relay-api -o requirements/relay-api.txt
	echo uv | $(LOCK) - -o requirements/uv.txt
	printf 'setuptools\nwheel\n' | $(LOCK) - -o requirements/build.txt

bench: dev
	$(VENV) -m bench

bench-%: dev
	$(VENV) -m bench $*

screenshots: dev
	$(VENV) manage.py screenshots

# Throws away the environment and the data of `make run`, also root's; stop it first.
clean:
	$(PYTHON) -m kundomail.local.cleaning

dev:
	@$(INSTALL) dev

.PHONY: run test test-server test-browser test-slow test-slow-server test-slow-browser lint $(LINTS) format lock bench screenshots clean dev
