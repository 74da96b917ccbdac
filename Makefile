# Two commands are enough: `make run` and `make test`. `make help` lists the rest.

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
GOFLAGS_RELEASE = -trimpath -ldflags '-s -w -X main.version=$(VERSION)'
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.7.0
MAVEN = mvn -q -B
NPM = if [ -e package-lock.json ]; then npm ci --no-audit --no-fund --silent; \
	else npm install --no-package-lock --no-audit --no-fund --silent; fi
FUZZTIME ?= 30s
PORT ?= $(or $(port),8080)

.DEFAULT_GOAL := help
.PHONY: help setup build run test test-go test-node test-java test-python test-examples test-templates test-spring test-deploy java lint bench bench-go bench-smoke bench-baseline profile fuzz plots recording soak clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

setup: ## install what tests and benchmarks need and this machine lacks
	@scripts/setup

build: ## build bin/fwatchdog, static: Go is all that is needed
	@scripts/need-go
	CGO_ENABLED=0 go build $(GOFLAGS_RELEASE) -o bin/fwatchdog ./cmd/fwatchdog

run: build ## build, and serve: the built-in function, or what fprocess names
	@echo "try: curl -d hello localhost:$(PORT)"
	@exec bin/fwatchdog --demo --port=$(PORT)

test: setup lint bench-smoke test-java test-spring test-node test-python test-go test-templates test-examples test-deploy ## everything

# The templates come afterwards: what they build would disturb tests that measure time.
test-go: java ## Go packages with the race detector, the real binary end to end, every SDK's conformance
	go test -race -timeout 30m $$(go list ./... | grep -v /test/templates)

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

test-templates: ## a function of every OpenFaaS template, and every tutorial, built as their Dockerfiles say
	go test -timeout 30m -count=1 ./test/templates

test-spring: ## the Spring module of the Java SDK
	$(MAVEN) -f sdk/java/pom.xml -DskipTests install
	$(MAVEN) -f sdk/java-spring/pom.xml verify

test-deploy: ## alerts and dashboard, as Prometheus reads them
	go -C deploy/validate test ./...

java: ## the Java SDK's jars
	$(MAVEN) -f sdk/java/pom.xml -DskipTests package

lint: ## formatting, vet, staticcheck, import direction
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$unformatted" ] || { echo "not gofmt-ed: $$unformatted"; exit 1; }
	go vet ./...
	go -C bench vet ./...
	go -C deploy/validate vet ./...
	go run $(STATICCHECK) ./...
	go -C bench run $(STATICCHECK) ./...
	go test -count=1 -run TestImports .

bench: setup ## compare with what does the same work, and write docs/benchmarks.md (twenty minutes)
	bench/setup
	go -C bench/compare run .

bench-go: ## Go benchmarks of the packages
	go test -run '^$$' -bench . -benchmem ./...

bench-smoke: ## what the hot paths allocate, compared with bench/smoke/baseline.txt
	go -C bench test ./...
	go -C bench run ./smoke

bench-baseline: ## renew that file
	go -C bench run ./smoke -write

profile: setup ## print what each part takes of a request's processor time, and draw docs/flame.svg (half a minute)
	bench/setup
	go -C bench run ./profile -svg ../docs/flame.svg

fuzz: ## every fuzz target for FUZZTIME
	@scripts/fuzz $(FUZZTIME)

soak: ## ten minutes of recycling, kills and reloads under load; draws docs/soak.svg and fails when anything grows
	go -C bench run ./soak -root .. -for 10m -svg ../docs/soak.svg

plots: ## draw docs/elastic.svg anew, from a simulation
	@found=$$(mktemp) && \
	go test -count=1 -run TestElasticPoolWaits ./supervisor -args -simulated=$$found && \
	go -C bench run ./poolplot $$found ../docs/elastic.svg; \
	status=$$?; rm -f $$found; exit $$status

recording: ## record docs/terminal.svg anew: a session in a terminal
	go -C bench run ./terminal -root .. -svg ../docs/terminal.svg

clean: ## remove what was built
	rm -rf bin .cache
