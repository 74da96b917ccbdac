// Command handler is the worker of a function.
package main

import (
	"os"

	function "handler/function"

	"fwatchdog/sdk/go/openfaas"
)

func main() { os.Exit(openfaas.Serve(function.Handle)) }
