# Verbs for people; CMakeLists.txt does the work. Output is in build/.
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 60
export CMAKE_GENERATOR ?= $(shell command -v ninja >/dev/null 2>&1 && echo Ninja || echo Unix Makefiles)

.PHONY: all check demo asan ubsan fuzz bench arm64-check docs install clean help

all:                 ## build build/cuvier and build/libcuvier.{so,a}
	@cmake --preset release -DCMAKE_INSTALL_PREFIX=$(PREFIX) >/dev/null
	@cmake --build build --parallel $(JOBS)

check: all           ## run all tests (the last line is their summary)
	@if [ -x tools/setup_tests ]; then \
	    python=$$(tools/setup_tests | tail -n 1) && cmake -S . -B build -DCUV_TEST_PYTHON="$$python" >/dev/null && \
	    cmake --build build --parallel $(JOBS); fi
	@ctest --test-dir build --output-on-failure --no-label-summary --parallel $(JOBS)

demo:                ## install what is missing, build, rebuild a real model and show it
	@tools/demo

asan ubsan:          ## run the tests under sanitizers (all of them: cmake -DCUV_SANITIZE_ALL=ON)
	@python=$$(tools/setup_tests | tail -n 1) && cmake --preset $@ -DCUV_TEST_PYTHON="$$python" >/dev/null
	@cmake --build build/$@ --parallel $(JOBS)
	@ctest --test-dir build/$@ --output-on-failure --no-label-summary --parallel $(JOBS)

fuzz:                ## run each fuzz target for FUZZ_SECONDS (60)
	@JOBS=$(JOBS) tools/fuzz $(FUZZ_SECONDS)

bench: all           ## measure; results are explained in bench/README.md
	@bench/run

arm64-check:         ## the fast kernels on 64-bit ARM, emulated (needs a cross compiler and qemu-user)
	@JOBS=$(JOBS) tools/check_arm64

docs: all            ## write the pages that are made from the sources
	@tools/docs

install: all         ## install under PREFIX (/usr/local); DESTDIR is honoured
	@cmake --install build

clean:               ## remove build/
	@rm -rf build

help:                ## show this
	@sed -n 's/^\([a-z0-9 -]*\):[^#]*## \(.*\)/\1\t\2/p' Makefile | awk -F '\t' '{printf "  make %-12s %s\n", $$1, $$2}'
