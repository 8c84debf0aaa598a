# make run    start the app (makes .venv the first time)
# make test   everything, browser tests included
# make long   the tests that take minutes each: large graphs, pretrained students, votes, whole runs
# make quick  without the browser and the slow tests
# make check  format, lint, types
# make bench  every benchmark (hours); one alone: python -m benchmarks.NAME
# make pictures  the README's pictures, of the running app
# make student  make assets/student from nothing (hours; goes on where it stopped)

PYTHON ?= python3
BIN := .venv/bin
RUNTIME := .venv/.runtime
TOOLS := .venv/.tools
# Two processes: one drives the browser, the other takes the rest, file by file (tests/conftest.py).
BESIDE := -n 2 --dist loadgroup --no-loadscope-reorder

BENCHMARKS := startup microworld graph multihop graph_gain link_prediction distillation export_parity \
	feedback decoding quantization training serving

.PHONY: run test long quick check bench pictures student browser

run: $(RUNTIME)
	$(BIN)/python app.py $(OPTIONS)

test: $(TOOLS) browser
	$(BIN)/python -m pytest -m "not long" $(BESIDE)

long: $(TOOLS) browser
	$(BIN)/python -m pytest -m long

quick: $(TOOLS)
	$(BIN)/python -m pytest -m "not browser and not slow and not long" $(BESIDE)

check: $(TOOLS)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(TOOLS)
	set -e; for name in $(BENCHMARKS); do $(BIN)/python -m benchmarks.$$name; done

pictures: $(TOOLS) browser
	$(BIN)/python -m tests.browser.take_pictures

student: $(TOOLS)
	$(BIN)/python -m model.scripts.make_student

browser: $(TOOLS)
	$(BIN)/python -m tests.browser.find_chromium

$(RUNTIME): requirements.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $(RUNTIME)

$(TOOLS): $(RUNTIME) requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $(TOOLS)
