# Every target makes this machine ready first (.ci/setup); when it is, that takes no time.
# Make itself ends with 2 whatever the program ended with; the program's own exit code is printed.

.DEFAULT_GOAL := help
.PHONY: help demo test kernel-bench witness aarch64 lint clean

python := .venv/bin/python

help: ## list these targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1	\2/p' Makefile | expand -t 21

demo: ## put every mode on the virtual bench and write its certificate; ARGS="--room hall" goes to `audiohat demo`
	@bash .ci/setup bench
	@.venv/bin/audiohat demo $(ARGS) || { status=$$?; echo "audiohat demo: exit code $$status" >&2; exit $$status; }

test: lint ## lint, then every test that needs no hardware; ARGS="-k limiter" goes to pytest
	@$(python) -m pytest $(ARGS)

kernel-bench: ## build a kernel with sound, I2C and GPIO once, run tests/kernel in it; ARGS="-k gpio" goes to pytest
	@bash .ci/setup dev
	@bash .ci/setup kernel || :
	@$(python) -m hil.kernel check $(ARGS)

witness: ## record again what the kernel's codec drivers write; ARGS="wm8731" records one
	@bash .ci/setup dev
	@bash .ci/setup kernel || :
	@$(python) -m hil.witness $(ARGS) || { status=$$?; echo "hil.witness: exit code $$status" >&2; exit $$status; }

aarch64: ## packages, kernels and sound on an emulated Raspberry Pi's processor, and a second Python of this machine
	@bash .ci/setup dev
	@$(python) -m hil.aarch64 || { status=$$?; echo "hil.aarch64: exit code $$status" >&2; exit $$status; }

lint: ## ruff and mypy
	@bash .ci/setup dev
	@$(python) -m ruff check .
	@$(python) -m mypy

clean: ## remove logs and caches; .venv and results/ stay
	@rm -rf build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find firmware_py hil tests -name __pycache__ -type d -prune -exec rm -rf {} +
