.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON := .venv/bin/python
# Packages that exist; each is checked as strictly as the others.
PACKAGES := $(wildcard app_host foundation protocol hsm_service pairing push issuance linkid desktop_agent sandbox_phone softhsm_config demo bench soak examples tests tools)
# More than one test at a time; the tests of one file stay together, and share what is dear to make.
JOBS ?= 3
TESTS ?=

.PHONY: help setup run sandbox fuzz fuzz-token test test-programs check check-types check-rest fix demo bench soak web lock clean programs

help: ## this text
	@awk 'BEGIN {FS = ":.*## "; print "Link ID. Each command sets up by itself what it needs.\n"} \
	  /^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## the Python environment and SoftHSM (run, test and the others do this themselves)
	@python3 -m tools.bootstrap

programs: # what tests and the demonstration call besides: Chromium, pdfsig, openssl, curl
	@python3 -m tools.bootstrap tests

web: setup ## build the phone app and the emission page
	@$(PYTHON) -m tools.web build

run: web ## start everything on this machine; LAN=1 serves HTTPS to a phone on the same network
	@exec $(PYTHON) -m linkid serve $(if $(LAN),--lan)

sandbox: web ## the same with test holders that approve, refuse, keep silent, mistype; prints all you need
	@exec $(PYTHON) -m linkid sandbox

test: programs web ## every test, under 15 minutes on two cores; TESTS=tests/pairing runs some
	@$(PYTHON) -m tools.web strangers
	@code=0; \
	$(if $(TESTS),,$(PYTHON) -m tools.web test || code=1;) \
	$(PYTHON) -m tools.suite -n $(JOBS) --dist loadfile --no-loadscope-reorder $(TESTS) || code=1; \
	exit $$code

test-programs: ## the certificate in every program that is here, a quarter of an hour; ONLY=pdfsig, RESUME=1; writes docs/desktop-programs.md
	@python3 -m tools.bootstrap tests survey
	@$(PYTHON) -m tests.agent.daemon.survey $(ONLY)

check: setup ## formatting, lint, types, import rules
	@$(MAKE) --no-print-directory --output-sync=target -j 2 check-types check-rest

check-types:
	@$(PYTHON) -m mypy $(PACKAGES)

check-rest:
	@$(PYTHON) -m ruff format --check $(PACKAGES)
	@$(PYTHON) -m ruff check $(PACKAGES)
	@.venv/bin/lint-imports
	@$(PYTHON) -m tools.web typecheck

fix: setup ## format, and repair what can be repaired by itself
	@$(PYTHON) -m ruff check --fix $(PACKAGES) || true
	@$(PYTHON) -m ruff format $(PACKAGES)

demo: programs web ## the whole story, told step by step; PHONE=simulated without a browser
	@$(PYTHON) -m demo $(if $(PHONE),--phone $(PHONE))

bench: web ## how fast, as ratios to the bare token; ONLY=row,row runs some (see MENU=1), QUICK=1 is short
	@$(PYTHON) -m bench $(if $(MENU),--help) $(if $(ONLY),--only $(ONLY)) $(if $(QUICK),--quick)

soak: setup ## 41 minutes of load while things break; MINUTES=5 for less; writes docs/soak/latest.md
	@$(PYTHON) -m soak $(if $(MINUTES),--minutes $(MINUTES))

fuzz: programs web ## schemathesis on the described API, 50,000 calls, in a sandbox of its own; written to docs/api-fuzz.md; REQUESTS=5000 for less
	@$(PYTHON) -m tests.sandbox.fuzz $(if $(REQUESTS),--requests $(REQUESTS),--page docs/api-fuzz.md)

fuzz-token: setup ## ten million broken frames for the token, 15 minutes or more; FRAMES=100000 for less; writes docs/desktop-fuzz.md
	@$(PYTHON) -m tests.agent.daemon.fuzz $(or $(FRAMES),10000000) $(if $(FRAMES),,--page docs/desktop-fuzz.md)

lock: setup ## choose the newest library versions again and write locks/
	@$(PYTHON) -m tools.lock

clean: ## remove what was built (never var/: database, tokens, secrets)
	rm -rf .venv phone_app/node_modules tests/oauth/strangers/node_modules phone_app/dist dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find . -name __pycache__ -not -path './var/*' -prune -exec rm -rf {} +
