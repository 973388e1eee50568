# Everything a developer does, by name. Each target says what it needs when that is missing.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

GO            ?= go
IMAGE         ?= simpledeploy-backup:dev
VERSION       ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
REVISION      ?= $(shell git rev-parse HEAD 2>/dev/null)
LDFLAGS       := -s -w -X main.version=$(VERSION)
BIN           := bin/simpledeploy-backup
TOOLS         := $(CURDIR)/.cache/bin

GOLANGCI_LINT := v2.15.0
ACTIONLINT    := v1.7.12
MINIO         := v0.0.0-20260212201848-7aac2a2c5b7c

# The tests leave the storage backends out that they don't speak to: compiling all of them once more for the race
# detector takes many minutes and finds nothing. The image that the engine tests run has them all.
TEST_TAGS     := lean
TEST_FLAGS    ?= -race -timeout 40m
TEST_ENV      := TEST_IMAGE=$(IMAGE) TEST_MINIO=$(TOOLS)/minio

.PHONY: help build image images prepare demo test test-short bench lint fmt docs clean need-go need-docker

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

build: need-go ## Build bin/simpledeploy-backup with all storage backends
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/simpledeploy-backup

image: build need-docker ## Build the image from that binary and print its size
	DOCKER_BUILDKIT=$${DOCKER_BUILDKIT:-0} docker build -q -f Dockerfile.prebuilt -t $(IMAGE) \
		--build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) .
	@printf '%s: %s MB, compressed %s MB\n' $(IMAGE) \
		$$(( $$(docker image inspect -f '{{.Size}}' $(IMAGE)) / 1000000 )) \
		$$(( $$(docker save $(IMAGE) | gzip -6 | wc -c) / 1000000 ))

demo: image ## Back up a million rows and a volume, lose them, bring them back, and prove it
	IMAGE=$(IMAGE) scripts/demo.sh

images: need-go need-docker ## Make the images of every engine that the tests start
	$(GO) run -tags $(TEST_TAGS) ./internal/enginetest/cmd/testimages

prepare: image images $(TOOLS)/minio ## Make all that `make test` needs; -j3 makes it side by side

test: need-go need-docker image $(TOOLS)/minio ## Run every test, with real servers in containers
	$(TEST_ENV) $(GO) test $(TEST_FLAGS) -tags $(TEST_TAGS) ./...

test-short: need-go ## Run the tests that need neither an engine nor a network
	$(GO) test -short -tags $(TEST_TAGS) ./...

bench: image ## Measure speed and memory beside the plain pipe
	IMAGE=$(IMAGE) scripts/bench.sh

lint: $(TOOLS)/golangci-lint-$(GOLANGCI_LINT) $(TOOLS)/actionlint-$(ACTIONLINT) ## Check code, workflows and scripts
	$(TOOLS)/golangci-lint-$(GOLANGCI_LINT) run
	$(TOOLS)/actionlint-$(ACTIONLINT)
	@for script in .ci/run scripts/*.sh; do bash -n $$script; done
	@if command -v shellcheck >/dev/null; then shellcheck .ci/run scripts/*.sh; else echo "shellcheck is not installed: the scripts are checked by bash -n alone"; fi

fmt: $(TOOLS)/golangci-lint-$(GOLANGCI_LINT) ## Format the code
	$(TOOLS)/golangci-lint-$(GOLANGCI_LINT) fmt

docs: need-go ## Write the generated pages of docs/reference anew
	$(GO) test -tags $(TEST_TAGS) -run Reference ./cmd/simpledeploy-backup ./labels ./status -update

clean: ## Remove what was built here
	rm -rf bin .cache

need-go:
	@command -v $(GO) >/dev/null || { echo "this needs Go 1.26 or newer on the PATH (or GO=/path/to/go)" >&2; exit 1; }

need-docker:
	@command -v docker >/dev/null || { echo "this needs the docker command and a Docker Engine" >&2; exit 1; }
	@docker version -f '{{.Server.Version}}' >/dev/null 2>&1 || { echo "the docker command is there, but no Docker Engine answers: start it, or set DOCKER_HOST" >&2; exit 1; }

$(TOOLS)/golangci-lint-$(GOLANGCI_LINT): | need-go
	GOBIN=$(TOOLS) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT)
	mv $(TOOLS)/golangci-lint $@

$(TOOLS)/actionlint-$(ACTIONLINT): | need-go
	GOBIN=$(TOOLS) $(GO) install github.com/rhysd/actionlint/cmd/actionlint@$(ACTIONLINT)
	mv $(TOOLS)/actionlint $@

$(TOOLS)/minio: | need-go
	GOBIN=$(TOOLS) $(GO) install github.com/minio/minio@$(MINIO)
