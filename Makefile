# Each target sets up what it needs in a virtual environment of this folder; a second run does not.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test proof chaos soak kills mutants mutants-of-rules fuzz audit bench bench-all lint types clean

# The demo's clients are those of the tests, so both share one environment.
.venv/ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; set PYTHON=python3.x")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

# The clients that can't live in one environment with those above: the same ones as they were on httpx, before they
# moved to httpx2; the frameworks that still stand on those; and what sends through aiohttp where it can.
OTHERS := .venv-httpx .venv-frameworks .venv-aiohttp
MATRIX := tests/clients/test_matrix.py

.venv-%/ready: pyproject.toml
	$(PYTHON) -m venv .venv-$*
	.venv-$*/bin/pip install --quiet --disable-pip-version-check --editable '.[test-$*]'
	@touch $@

.venv/lint: .venv/ready
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[lint]'
	@touch $@

demo: .venv/ready
	$(BIN)/vertex-router demo

test: .venv/ready .venv-httpx/ready
	$(BIN)/pytest
	.venv-httpx/bin/pytest tests/clients tests/router/test_transport.py

# Every client that there is, in each of its ways, on a bad day and in a storm; then whether docs/clients.md says so.
.PHONY: test-clients
test-clients: .venv/ready $(OTHERS:%=%/ready)
	for each in .venv .venv-httpx; do CLIENTS_REPORT=$$each/clients.json $$each/bin/pytest $(MATRIX) || exit; done
	CLIENTS_REPORT=.venv-frameworks/clients.json .venv-frameworks/bin/pytest $(MATRIX) $(addprefix tests/clients/test_,aiplatform.py genai.py verify.py)
	CLIENTS_REPORT=.venv-aiohttp/clients.json .venv-aiohttp/bin/pytest $(MATRIX) $(addprefix tests/clients/test_,aiohttp.py genai.py litellm.py)
	$(BIN)/python -m tests.clients.matrix.report .venv/clients.json $(OTHERS:%=%/clients.json)

# Every model, location, mode, jurisdiction and day: planner and guard against a naive rule. Takes minutes.
proof: .venv/ready
	$(BIN)/python -m tests.proof

# Every fault on loopback, met by every kind of client: tried, survived, how it ended. Takes minutes.
chaos: .venv/ready
	$(BIN)/python -m tests.chaos

# Mixed load on a bad day; memory and open files must stay flat.
SECONDS ?= 600
soak: .venv/ready
	$(BIN)/python -m tests.chaos.soak --seconds $(SECONDS)

# Each rule widened in a copy of the code: the named tests must fail. Writes the table of docs/security.md.
mutants-of-rules: .venv/ready
	$(BIN)/python -m tests.mutants

# Small changes to the files that decide, each against the tests of those files: docs/mutants.md. Takes minutes;
# MUTANTS=router.guard looks at one file.
MUTANTS ?=
.venv-mutants/ready: pyproject.toml
	$(PYTHON) -m venv .venv-mutants
	.venv-mutants/bin/pip install --quiet --disable-pip-version-check --editable '.[test]' 'mutmut==3.8.*'
	@touch $@

mutants: .venv-mutants/ready
	.venv-mutants/bin/python -m tests.mutants.small $(MUTANTS)

# Everything that reads what others wrote, guided by coverage, for SECONDS each.
SECONDS ?= 30
.venv/fuzz: .venv/ready
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[fuzz]'
	@touch $@

fuzz: .venv/fuzz
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS)

# Known weaknesses of what is installed. Never fails: where their list can't be reached, it says so.
audit: .venv/ready
	@($(PYTHON) -m venv .venv-audit \
	&& .venv-audit/bin/pip install --quiet --disable-pip-version-check pip-audit \
	&& .venv-audit/bin/pip-audit --progress-spinner off --timeout 20 --skip-editable \
	    --path "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')") \
	|| echo "audit: weaknesses were found, as shown above, or their list can't be reached from here"

# Batches killed at fifty random moments, and with the power gone as well. Takes minutes.
kills: .venv/ready
	$(BIN)/python benchmarks/kills.py
	$(BIN)/python benchmarks/kills.py --power --seed 2

# What is compared with: small packages beside this one, litellm in an environment of its own.
.venv/bench: .venv/ready
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[bench]'
	@touch $@

.venv-litellm: pyproject.toml
	$(PYTHON) -m venv .venv-litellm
	.venv-litellm/bin/pip install --quiet --disable-pip-version-check litellm
	@touch $@

bench: .venv/bench
	$(BIN)/python benchmarks/imports.py
	$(BIN)/python benchmarks/overhead.py --short
	$(BIN)/python benchmarks/goodput.py --short
	$(BIN)/python benchmarks/realwire.py --short
	$(BIN)/python benchmarks/audit.py
	$(BIN)/python benchmarks/batch.py

bench-all: .venv/bench .venv-litellm
	$(BIN)/python benchmarks/imports.py
	$(BIN)/python benchmarks/catalog_load.py
	$(BIN)/python benchmarks/overhead.py
	$(BIN)/python benchmarks/goodput.py
	$(BIN)/python benchmarks/realwire.py
	$(BIN)/python benchmarks/audit.py
	$(BIN)/python benchmarks/bodies.py
	$(BIN)/python benchmarks/batch.py --full

lint: .venv/lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/lint
	$(BIN)/mypy

clean:
	rm -rf .venv .venv-litellm $(OTHERS)
