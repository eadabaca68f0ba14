.DEFAULT_GOAL := help
SHELL := /bin/bash
.PHONY: help setup

help: ## this text
	@awk 'BEGIN {FS = ":.*## "} /^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## the Python environment and the programs everything else needs
	@python3 tools/bootstrap.py
