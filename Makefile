# The commands of this project. `make demo` needs nothing but a Python >= 3.11.
# PYTHON=/path/to/python3.12 chooses the interpreter; VENV=folder chooses the environment.

VENV ?= .venv
BIN := $(VENV)/bin
export OMP_NUM_THREADS ?= 1
# Torch programs and the engines are light; as many test processes as there are cores.
# Each starts with its own share of the files, so that what a module shares is made once.
JOBS ?= $(shell nproc 2>/dev/null || echo 2)

.PHONY: setup demo test test-slow test-cluster fuzz lint bench docs reports clean

setup: $(VENV)/.done

$(VENV)/.done: pyproject.toml constraints.txt setup.py
	@python="$(PYTHON)"; \
	for name in python3 python3.11 python3.12 python3.13 python3.14 python; do \
	  [ -n "$$python" ] && break; \
	  "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && python="$$name"; \
	done; \
	[ -n "$$python" ] || { echo "snnc needs a Python >= 3.11: make PYTHON=/path/to/python3.12"; exit 1; }; \
	echo "environment $(VENV) with $$("$$python" --version)"; \
	"$$python" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt setuptools -e '.[dev]'
	@touch $@

demo: setup
	@SNNC_BIN=$(BIN) bash examples/digits/demo.sh demo

test: setup
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m "not slow" tests

test-slow: setup
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal tests

# With Ray, which the other targets do without: an 80 MB wheel, 240 MB on disk. Nodes that are killed.
test-cluster: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[cluster]'
	SNNC_REQUIRE=ray $(BIN)/python -m pytest tests/runtime/scale/test_ray.py

# Random models: convert each, verify each. FUZZ=200 takes fewer.
FUZZ ?= 2000
fuzz: setup
	SNNC_FUZZ=$(FUZZ) $(BIN)/python -m pytest -q -n $(JOBS) tests/fuzz

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p snnc -p tests
	$(BIN)/lint-imports

# MNIST images: SNNC_DATA=folder that holds images/mnist_t10k.npz. ONLY="mnist vgg" runs some
# networks again; what did not run keeps its figures. PEERS=python names an environment that has
# the peers; without it one is made (benchmarks/.peers, from requirements.txt and constraints.txt).
bench: setup
	@[ -n "$(SNNC_DATA)" ] || { echo "make bench needs SNNC_DATA=FOLDER with images/mnist_t10k.npz"; exit 1; }
	$(BIN)/python benchmarks/networks.py --data "$(SNNC_DATA)/images" $(if $(ONLY),--only $(ONLY)) $(if $(PEERS),--peers $(PEERS))
	$(BIN)/python benchmarks/kernels.py
	$(BIN)/python benchmarks/scaling.py --data "$(SNNC_DATA)/images" $(if $(PEERS),--peers $(PEERS))

# The tables of docs/*.md, made from the registries.
docs: setup
	$(BIN)/python docs/make_tables.py

# HTML reports of three networks, a comparison, and their pictures in docs/images; needs Chromium.
reports: setup
	@[ -n "$(SNNC_DATA)" ] || { echo "make reports needs SNNC_DATA=FOLDER with events/nmnist_train1000.npz"; exit 1; }
	PYTHONPATH=. $(BIN)/python docs/make_reports.py --out reports

clean:
	rm -rf build dist demo reports .mypy_cache .pytest_cache .ruff_cache .hypothesis src/*.egg-info $(VENV)
