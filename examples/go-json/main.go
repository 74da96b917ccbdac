// Command go-json answers JSON with JSON.
//
//	go build -o greet ./examples/go-json
//	fwatchdog -- ./greet
//	curl -d '{"name":"you"}' localhost:8080
package main

import (
	"encoding/json"
	"os"

	fwatchdog "fwatchdog/sdk/go"
)

func main() { os.Exit(fwatchdog.Serve(greet)) }

type question struct {
	Name string `json:"name"`
}

type answer struct {
	Greeting string `json:"greeting,omitempty"`
	Error    string `json:"error,omitempty"`
}

func greet(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
	body, err := r.Bytes()
	if err != nil {
		return err // the client has gone
	}
	w.SetHeader("Content-Type", "application/json")
	var q question
	if err := json.Unmarshal(body, &q); err != nil {
		w.WriteHeader(400)
		return json.NewEncoder(w).Encode(answer{Error: err.Error()})
	}
	return json.NewEncoder(w).Encode(answer{Greeting: "hello " + q.Name})
}
