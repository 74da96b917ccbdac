#!/bin/sh
# Tests the function and builds the worker, ./handler. The function comes in one of three layouts:
#
#   function/go.mod    a module of its own, part of the workspace of go.work
#   no go.mod          gets one here
#   function/vendor    its packages are found as vendoring began: without modules, in a folder below GOPATH
set -eu

if [ -d function/vendor ]; then
	export GO111MODULE=off
	GOFLAGS=$(echo "${GOFLAGS:-}" | sed 's/-mod=[a-z]*//')
	export GOFLAGS
fi
if [ "${GO111MODULE:-on}" = off ]; then
	ln -sfn handler/fwatchdog ../fwatchdog # this folder is $GOPATH/src/handler
elif [ ! -f function/go.mod ]; then
	(cd function && GOWORK=off go mod init handler/function && GOWORK=off go mod tidy)
fi
[ "${GO111MODULE:-on}" = off ] || go work use . ./function ./fwatchdog # of the newest version of Go that they ask for

mkdir -p function/static
if [ "${TEST_ENABLED:-true}" = true ]; then
	(cd function && sh -c "${TEST_COMMAND:-go test ./... -cover}")
fi
GOOS=${TARGETOS:-} GOARCH=${TARGETARCH:-} go build -trimpath -ldflags '-s -w' -o handler .
