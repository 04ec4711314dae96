# One line per target: tools/releve does the work (python3 -m tools.releve --help).
PYTHON ?= python3
RELEVE = $(PYTHON) -m tools.releve

.DEFAULT_GOAL := help
.PHONY: demo test faults golden bench lint i18n setup stop clean help

demo: ## sample data, main job, summary, then Odoo in the browser
demo: ##   [SERVE=0] [PORT=8069] [WORKERS=n] [USAGE=file [MAPPING=file]]
	@$(RELEVE) demo $(if $(filter 0 no,$(SERVE)),--no-serve) \
		$(if $(PORT),--port $(PORT)) $(if $(WORKERS),--workers $(WORKERS)) \
		$(if $(USAGE),--usage "$(USAGE)") $(if $(MAPPING),--mapping "$(MAPPING)")

test: ## every check: lint, unit, Odoo, browser, translations, golden cases
	@$(RELEVE) test

faults: ## kill server, workers and PostgreSQL while usage comes in, 24 times; a minute of mixed load
	@$(RELEVE) fault-test --long -- -s -k "killed_at_random or mixed_load"

golden: ## golden cases: [CASES=dir] [ENGINE=core|odoo] [STORE=clickhouse]
	@$(RELEVE) golden $(if $(CASES),--cases "$(CASES)") \
		$(if $(ENGINE),--engine $(ENGINE)) $(if $(STORE),--store $(STORE))

bench: ## one JSON line per benchmark: [ONLY=a,b] [SIZE=small|full]
	@$(RELEVE) bench $(if $(ONLY),--only $(ONLY)) $(if $(SIZE),--size $(SIZE))

lint: ## read the code without running it
	@$(RELEVE) lint

i18n: ## export the catalogues; fails when one was stale or lacks French
	@$(RELEVE) i18n

setup: ## only obtain Odoo and the dependencies and build the base database
	@$(RELEVE) setup --lint

stop: ## stop this clone's PostgreSQL servers
	@$(RELEVE) pg stop --cluster main
	@$(RELEVE) pg stop --cluster test
	@$(RELEVE) pg stop --cluster faults

clean: ## stop this clone's servers, delete its databases and generated files
	@$(RELEVE) clean

help: ## this list
	@grep -hE '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) \
		| sed -E 's/^([a-z0-9]+):.*## /\1\t/' | expand -t 10
