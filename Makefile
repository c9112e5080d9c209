# The linter is run by version: the module does not depend on it.
LINTER := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

# The modules beside the main one: what only they import is not a dependency of gomeko.
MODULES := bench examples/board/browser observe/otel/judge

# The race detector needs a C compiler, which setup may only just have installed.
RACE = $(shell command -v "$$(go env CC)" >/dev/null && echo -race)

.PHONY: help setup test interop amqp091 fuzz soak bench lint format vet tidy check

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' Makefile

setup: ## install what the tests run on: RabbitMQ, PostgreSQL, Chromium, Prometheus, PHP, StatsD, tmux, zsh, fish, a C compiler, Python's Nameko (as root on Debian)
	@scripts/setup

test: setup ## run all tests, beside a RabbitMQ and a PostgreSQL of their own (ARGS="-run TestX -v" to choose)
	@scripts/rabbitmq run scripts/postgres run go test -timeout 30m $(RACE) $(ARGS) ./...
	@$(foreach m,$(MODULES),scripts/rabbitmq run go -C $(m) test $(RACE) $(ARGS) ./... &&) true

interop: setup ## run the tests against the real Nameko only
	@scripts/rabbitmq run go test $(RACE) $(ARGS) ./interop/...

amqp091: setup ## run amqp091-go's own tests on the embedded broker and on RabbitMQ
	@scripts/amqp091

fuzz: ## run each fuzz target for three minutes (FUZZTIME=10s for less)
	@scripts/fuzz

soak: setup ## run the soak tests whole: minutes of load while connections, processes and brokers go away
	@GOMEKO_SOAK=1 scripts/rabbitmq run go test $(RACE) -v -timeout 60m -run '^TestSoak' ./...

bench: setup ## measure gomeko beside amqp091-go, Nameko and others (ARGS="-scenarios rpc/64" for less)
	@scripts/rabbitmq run go -C bench run . $(ARGS)

lint: ## run golangci-lint
	@go run $(LINTER) run --allow-parallel-runners ./...
	@$(foreach m,$(MODULES),go -C $(m) run $(LINTER) run --allow-parallel-runners ./... &&) true

format: ## fail if gofmt would change a file
	@unformatted="$$(git ls-files -co --exclude-standard '*.go' | xargs -r gofmt -l)"; test -z "$$unformatted" || { echo "gofmt -w $$unformatted"; exit 1; }

vet: ## run go vet
	@go vet ./...
	@$(foreach m,$(MODULES),go -C $(m) vet ./... &&) true

tidy: ## fail if go mod tidy would change a go.mod or go.sum
	@$(foreach m,. $(MODULES),go -C $(m) mod tidy -diff &&) true

check: format vet tidy test lint ## all of it: before every push
