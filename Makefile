# One line per target: tools/releve does the work (python3 -m tools.releve --help).
PYTHON ?= python3
RELEVE = $(PYTHON) -m tools.releve

.DEFAULT_GOAL := help
.PHONY: setup test lint i18n golden help

setup: ## obtain Odoo and every dependency, start PostgreSQL, build the base database
	@$(RELEVE) setup --lint

test: ## run every check: lint, unit, Odoo, browser, translations, golden cases
	@$(RELEVE) test

lint: ## read the code without running it
	@$(RELEVE) lint

i18n: ## export the translation catalogues; fails when one was stale or lacks French
	@$(RELEVE) i18n

golden: ## play golden cases: make golden CASES=DIR [ENGINE=core|odoo]
	@$(RELEVE) golden $(if $(CASES),--cases $(CASES)) $(if $(ENGINE),--engine $(ENGINE))

help: ## show the targets
	@grep -hE '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9]+):.*## /\1\t/' | expand -t 10
