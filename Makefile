# make demo     set up and run the main job on the bundled clip
# make test     set up and run the tests
# make lint     ruff, mypy --strict, import-linter
# make bench    size, quality, speed and memory measured on CLIPS (default: the bundled clip) next to AGAINST
# make figures  the same, and into the README with them
# make analysis where the bits of CLIPS go and where the errors are, next to x265

PYTHON ?= python3
VENV ?= .venv
CLIPS ?= demo/bunny.mp4
AGAINST ?= x264:medium,x265:medium
FRAMES ?= 32
GOP ?= 32
OUT ?= benchmarks/out
BIN = $(VENV)/bin

.PHONY: demo test lint bench figures analysis clean

demo: $(VENV)/.eval
	$(BIN)/python -m benchmarks.demo demo/bunny.mp4 --out demo/out

test: $(VENV)/.test
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.eval
	$(BIN)/sensic evaluate $(CLIPS) --against $(AGAINST) --frames $(FRAMES) --gop $(GOP) --report $(OUT)
	$(BIN)/python -m benchmarks.adaptive $(CLIPS) --out $(OUT)
	$(BIN)/python -m benchmarks.memory demo/bunny.mp4 --out $(OUT)
	$(BIN)/python -m benchmarks.speed demo/bunny.mp4 --out $(OUT)
	$(BIN)/python -m benchmarks.growth demo/bunny.mp4 --out $(OUT)
	$(BIN)/python -m benchmarks.profile demo/bunny.mp4 --out $(OUT)
	$(BIN)/python -m benchmarks.profile demo/bunny.mp4 --model fast --out $(OUT)

figures: bench demo
	$(BIN)/python -m benchmarks.readme $(OUT)

analysis: $(VENV)/.test
	$(BIN)/python -m benchmarks.bits $(CLIPS) --out $(OUT)

clean:
	rm -rf $(VENV) demo/out benchmarks/out

# One stamp per set of extras; made anew when pyproject.toml changes.
$(VENV)/.%: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Sensic needs Python 3.11 or newer; set PYTHON=")'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	touch $@
