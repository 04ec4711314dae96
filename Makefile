# One line per target: everything is done by tools/releve (python3 -m tools.releve --help).
PYTHON ?= python3
RELEVE = $(PYTHON) -m tools.releve

.DEFAULT_GOAL := help
.PHONY: setup help

setup: ## obtain Odoo and every dependency, start PostgreSQL, build the base database
	@$(RELEVE) setup --lint

help: ## show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12
