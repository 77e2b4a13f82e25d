# One command each; every target makes what it needs. `make help` lists them.
PYTHON ?= python3
VENV := .venv/bin
PROFILE ?= cpu
ROOMS := sampler jobs app worker inlay training benchmarks deploy tests tools
PRESENT := $(wildcard $(ROOMS))

.DEFAULT_GOAL := help
.PHONY: help install demo model test test-slow coverage check format lock clean loadtest audit deploy-tools

help: ## Say what there is to run
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: ## Create .venv from requirements.lock (at once when nothing changed)
	@$(PYTHON) tools/install.py

demo: install ## Start the real service, complete half a picture, write build/demo.png
	@$(VENV)/inlay demo

model: install ## Train and publish the embedded model, going on where it stopped (PROFILE=cpu, quick or gpu); writes over models/
	$(VENV)/python -m training --profile $(PROFILE)

test: install ## Run the tests, two files at a time
	$(VENV)/python -m pytest -n 2 --dist loadfile

test-slow: install ## Run the tests that take minutes
	$(VENV)/python -m pytest -m slow

coverage: install ## Run the tests, show what they did not reach, hold the service to 90 %
	$(VENV)/python -m coverage erase
	$(VENV)/python -m coverage run -m pytest
	$(VENV)/python -m coverage combine --quiet
	$(VENV)/python -m coverage report
	$(VENV)/python -m coverage report --include='sampler/*,jobs/*,app/*,worker/*' --fail-under=90

check: install ## Lint, formatting, types, import contracts
	$(VENV)/ruff check
	$(VENV)/ruff format --check
	$(VENV)/mypy $(PRESENT)
	$(VENV)/lint-imports

loadtest: install ## Load a service of its own, LOAD="--profile steady --rate 1 2 --out DIR" (docs/load.md)
	$(VENV)/python -m pip install --quiet -r requirements-load.lock
	$(VENV)/python -m deploy.loadtest $(LOAD)

format: install ## Write the formatting that `make check` asks for
	$(VENV)/ruff check --fix
	$(VENV)/ruff format

lock: install ## Resolve pyproject.toml again and write the lock files
	$(VENV)/python tools/lock.py

audit: ## Ask the public databases about holes in the locked packages (needs the network)
	@test -x .audit_cache/bin/pip-audit || { $(PYTHON) -m venv .audit_cache && .audit_cache/bin/pip --quiet install pip-audit; }
	.audit_cache/bin/pip-audit --no-deps --disable-pip $(patsubst %,-r %,$(wildcard requirements*.lock))

deploy-tools: ## Fetch the checkers of deploy/k8s, a hundred megabytes; its tests then use them
	@test -x .deploy_cache/bin/python || $(PYTHON) -m venv .deploy_cache
	.deploy_cache/bin/pip --quiet install -r tests/deploy/requirements.txt

clean: ## Remove caches and the demo's output (not .venv, not build/'s training runs)
	rm -rf build/demo build/demo-files build/demo.png .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis htmlcov .coverage .coverage.*
	find $(PRESENT) -name __pycache__ -type d -prune -exec rm -rf {} +
