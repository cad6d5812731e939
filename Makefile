# Twelve targets at most. `make` lists them.
.PHONY: help quick check test sim race fuzz bench lint fmt generate cover

help: ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

quick: ## tests that need no network, no compiler and no minute
	go test -short ./...

check: ## what CI runs
	bash .ci/run

test: ## all tests
	go test ./...

sim: ## one simulated world with its trace: make sim SEED=7
	go test ./sim -run TestSeeds -count=1 -v -seed=$(SEED)

race: ## the packages with goroutines, under the race detector (needs a C compiler)
	go test -race -short ./blob ./executor/... ./comet ./api ./node

fuzz: ## one fuzz target: make fuzz PKG=./canon T=FuzzUnmarshal
	go test $(PKG) -run '^$$' -fuzz '^$(T)$$' -fuzztime 60s

bench: ## the figures of docs/BENCHMARKS.md
	go test -run '^$$' -bench . -benchtime 1s ./kernel ./sumcheck ./freivalds ./zk/... ./machine/... ./executor/... ./ledger ./comet ./receipt ./node

lint: ## golangci-lint, pinned in tools/go.mod
	go tool -modfile=tools/go.mod golangci-lint run ./...

fmt: ## gofumpt
	go tool -modfile=tools/go.mod gofumpt -w .

generate: ## docs/CODES.md, golden files that are printed from tables, protobuf
	go generate ./...

cover: ## coverage by package
	go test -short -cover ./...
