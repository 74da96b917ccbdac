# Two commands are enough: `make run` and `make test`. `make help` lists the rest.

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
GOFLAGS_RELEASE = -trimpath -ldflags '-s -w -X main.version=$(VERSION)'
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.7.0
MAVEN = mvn -q -B
NPM = if [ -e package-lock.json ]; then npm ci --no-audit --no-fund --silent; \
	else npm install --no-package-lock --no-audit --no-fund --silent; fi
FUZZTIME ?= 30s
PORT ?= 8080

.DEFAULT_GOAL := help
.PHONY: help setup build run test test-go test-node test-java test-python test-examples java lint bench fuzz clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

setup: ## install what building and testing need and this machine lacks
	@scripts/setup

build: ## build bin/fwatchdog, static
	CGO_ENABLED=0 go build $(GOFLAGS_RELEASE) -o bin/fwatchdog ./cmd/fwatchdog

run: setup build ## build, and serve: the built-in function, or what fprocess names
	@echo "try: curl -d hello localhost:$(PORT)"
	@exec bin/fwatchdog --demo --port=$(PORT)

test: setup lint test-java test-node test-python test-go test-examples ## everything

test-go: java ## Go packages with the race detector, the real binary end to end, every SDK's conformance
	go test -race -timeout 30m ./...

test-node: ## the Node SDK
	cd sdk/node && $(NPM) && npm test --silent

test-java: ## the Java SDK
	$(MAVEN) -f sdk/java/pom.xml verify

test-python: ## the Python SDK
	scripts/python-venv .cache/venv
	cd sdk/python && ../../.cache/venv/bin/python -m pytest -q

test-examples: ## the example functions
	for dir in examples/node-*; do (cd $$dir && $(NPM) && npm test --silent) || exit 1; done
	for dir in examples/python-*; do \
		(cd $$dir && PYTHONPATH=../../sdk/python/src python3 -m unittest -q) || exit 1; done
	$(MAVEN) -f sdk/java/pom.xml -DskipTests install
	for dir in examples/java-*; do $(MAVEN) -f $$dir/pom.xml verify || exit 1; done

java: ## the Java SDK's jars
	$(MAVEN) -f sdk/java/pom.xml -DskipTests package

lint: ## formatting, vet, staticcheck, import direction
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$unformatted" ] || { echo "not gofmt-ed: $$unformatted"; exit 1; }
	go vet ./...
	go run $(STATICCHECK) ./...
	go test -count=1 -run TestImports .

bench: ## Go benchmarks
	go test -run '^$$' -bench . -benchmem ./...

fuzz: ## every fuzz target for FUZZTIME
	@scripts/fuzz $(FUZZTIME)

clean: ## remove what was built
	rm -rf bin .cache
