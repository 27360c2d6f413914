# make demo   the main job on real input          make test    every test but the long ones
# make check  lint, types, architecture           make faults  kills, flips, races
# make bench  speed against what else you'd pick  make ui      Prefect and MLflow over the same workspace
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check faults bench ui clean browser
.DELETE_ON_ERROR:

demo: .venv/installed
	$(BIN)/python -m flows knowledge-base
	$(BIN)/python -m flows rag-answers question="My road network has lengths on the edges. How do I get the quickest route from A to B?"
	$(BIN)/python -m flows rag-answers question="What is the mass of the moon?"

test: .venv/installed browser
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --ignore tests/architecture -m "not faults and not gpu and not network"

check: .venv/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/architecture

faults: .venv/installed
	$(BIN)/python -m pytest -m faults

bench: .venv/installed
	$(BIN)/python -m tests.bench

ui: .venv/installed
	$(BIN)/python -m deployments.ui

# The page tests drive Chromium; where it is missing and cannot be installed, they say so and are skipped.
browser:
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	  apt-get update -qq && apt-get install -y -qq chromium >/dev/null; } || \
	  echo "no Chromium here: the page tests will be skipped (Debian: apt-get install chromium)"

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q -c constraints.txt -e '.[cpu,test]'
	touch $@

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
