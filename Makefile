# make demo   decapsulate a capture (the bundled one, or CAPTURE=path) and show what is in it
# make test   everything that must hold before a change lands
# The environment is made once in .venv and renewed when what it is made from changes.
SHELL := /bin/sh
PYTHON ?= python3
VENV ?= .venv
CAPTURE ?= tests/data/01-curl-nva1.pcap
BIN := $(VENV)/bin
FUZZ_SECONDS ?= 900
BENCH ?=
NOT_ASAN := --ignore=tests/c --ignore=tests/flood --ignore=tests/differential --ignore=tests/unit/test_strategies.py \
	--ignore=tests/lab/test_end_to_end.py --ignore=tests/unit/test_dask.py --ignore=tests/benchmarks \
	--ignore=tests/cli/test_convert.py --ignore=tests/cli/test_convert_ended.py \
	--ignore=tests/cli/test_where_commands.py \
	--deselect=tests/unit/test_fragment_limits.py::test_no_memory \
	--deselect=tests/unit/test_merge_limits.py::test_memory \
	--deselect=tests/property/test_predicates.py::test_the_predicates_tell_rows_apart \
	--deselect='tests/property/test_cuts.py::test_files[pcap-pieces]' \
	--deselect='tests/property/test_cuts.py::test_files[dumpcap-pieces]'
CFLAGS_STRICT := -std=c11 -O2 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wcast-align -Wcast-qual \
	-Wstrict-prototypes -Werror
SANITIZERS := -g -fsanitize=address,undefined -fno-sanitize-recover=undefined

.PHONY: demo test lint format unit fuzz fuzz-smoke test-asan bench bench-quick counts package tools clean

demo: $(VENV)/installed
	@mkdir -p demo
	@$(BIN)/vxtap info "$(CAPTURE)"
	@echo
	@$(BIN)/vxtap decap "$(CAPTURE)" -o demo/inner.pcap
	@echo
	@echo "The inner capture: $(CURDIR)/demo/inner.pcap"

test: lint unit

unit: $(VENV)/testing tools
	$(BIN)/python -m pytest -q -n 2 tests

lint: $(VENV)/testing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/cython-lint --no-pycodestyle --max-line-length 120 vxtap/*.pyx vxtap/*.pxd
	for file in csrc/*.c; do $${CC:-cc} $(CFLAGS_STRICT) -fsyntax-only $$file || exit 1; done
	for file in csrc/*.h; do $${CC:-cc} $(CFLAGS_STRICT) -fsyntax-only -x c $$file || exit 1; done

# The tests of the library once more, with the core under gcc's sanitizers: in a copy, since the extension lies beside its
# sources. What CPython and numpy keep up to their end looks like leaks, so those are not looked for. Left out is what
# runs other programs than Python, which would be under the sanitizers too, what takes minutes, and what limits the memory
# of a process, of which a sanitizer takes terabytes.
test-asan:
	mkdir -p build/asan
	tar -c --exclude=./build --exclude='./.*' --exclude='*.so' --exclude='*.egg-info' . | tar -x -C build/asan
	VXTAP_CFLAGS="$(SANITIZERS)" $(MAKE) -C build/asan VENV=.venv .venv/testing
	cd build/asan && ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 PYTHONMALLOC=malloc \
		LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libubsan.so)" \
		.venv/bin/python -m pytest -q -n 2 --hypothesis-profile=asan tests $(NOT_ASAN)

# The targets of tests/fuzz, for so many seconds each; skipped where there is no clang.
fuzz: $(VENV)/testing tools
	$(BIN)/python tests/fuzz/run.py --seconds $(FUZZ_SECONDS)

fuzz-smoke:
	$(MAKE) fuzz FUZZ_SECONDS=30

format: $(VENV)/testing
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	clang-format -i csrc/*.[ch]

# Everything, into docs/benchmarks.md and its picture: BENCH=--large adds a capture of 2 GB and ten million packets.
bench: $(VENV)/report
	$(BIN)/python benchmarks/run.py --docs $(BENCH)

bench-quick: $(VENV)/report
	$(BIN)/python benchmarks/run.py --quick $(BENCH)

# Instructions of the core on fixed inputs, against benchmarks/counts/baseline.json; skipped where there is no valgrind.
counts: $(VENV)/testing tools
	$(BIN)/python benchmarks/counts/counts.py

# A wheel as a user would get it, made from the source distribution in isolation, and tried from another folder.
package: $(VENV)/testing
	rm -rf build/package && mkdir -p build/package
	$(BIN)/python -m build -q --outdir build/package .
	$(PYTHON) -m venv build/package/venv
	build/package/venv/bin/python -m pip install -q build/package/*.whl
	cd build/package && venv/bin/vxtap decap --strict ../../tests/data/01-curl-nva1.pcap -o inner.pcap
	$(BIN)/python tests/wheel.py build/package/*.whl

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade "pip>=25.1"

$(VENV)/installed: $(VENV)/bin/python setup.py pyproject.toml $(wildcard csrc/*.[ch]) $(wildcard vxtap/*.p[xy][xd])
	$(BIN)/python -m pip install -q -e .
	@touch $@

$(VENV)/testing: $(VENV)/installed
	$(BIN)/python -m pip install -q --group dev
	@touch $@

$(VENV)/report: $(VENV)/testing
	$(BIN)/python -m pip install -q --group report
	@touch $@

# tshark, which some tests compare with, clang for fuzzing, valgrind for counting, and what the lab's network is built of:
# taken where they can be had without asking anybody. PROGRAM:PACKAGE where the package has another name.
TOOLS := tshark clang valgrind tcpdump ethtool ip:iproute2 tc:iproute2 nsenter:util-linux
tools:
	@for tool in $(TOOLS); do command -v $${tool%%:*} >/dev/null 2>&1 || missing="$$missing $${tool##*:}"; done; \
	if [ -n "$$missing" ] && command -v apt-get >/dev/null 2>&1 && [ "$$(id -u)" = 0 ]; then \
		export DEBIAN_FRONTEND=noninteractive; \
		apt-get install -y -qq $$missing >/dev/null 2>&1 || { apt-get update -qq >/dev/null 2>&1; \
		for tool in $$missing; do apt-get install -y -qq $$tool >/dev/null 2>&1; done; }; fi; true

clean:
	rm -rf build dist demo *.egg-info vxtap/_*.c vxtap/*.so
