# What a person types. The work is done by the scripts in scripts/, which say what they are doing.

.DEFAULT_GOAL := help
.PHONY: help run demo dev test fuzz bench fmt clean site

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## build all and serve the portal on SQLite at http://127.0.0.1:3000
	scripts/build
	target/release/latchkey-server serve

demo: ## the same with an example organization, in a database of its own
	scripts/build
	LATCHKEY_DATABASE_URL=sqlite://data/demo.db target/release/latchkey-server serve --demo

dev: ## the same, unoptimized, rebuilt and restarted when a file changes
	scripts/dev

test: ## run every check and test; some of them: make test ONLY="format rust"
	scripts/test $(ONLY)

fuzz: ## send the parsers and the API what nobody thought of, other things every time; takes long
	scripts/fuzz

bench: site ## measure, into bench/RESULTS.md
	bench/run

fmt: ## format the code
	cargo fmt --all

site: ## build what browsers load into dist/
	scripts/build-site

clean: ## remove what was built, keeping the tools of .tools/ and your data/
	cargo clean
	rm -rf dist end2end/artifacts scripts/node_modules end2end/node_modules server/tests/clients/node_modules \
		bench/lighthouse/node_modules bench/peers/*/node_modules bench/peers/*/build bench/peers/*/.svelte-kit
