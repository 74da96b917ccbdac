package main

import (
	"testing"

	"fwatchdog/sdk/go/workertest"
)

func TestGreetsWhoeverIsNamed(t *testing.T) {
	got := workertest.Call(t, greet, workertest.Request{Method: "POST", Body: []byte(`{"name":"you"}`)})
	if got.Status != 200 || got.Header("content-type") != "application/json" || string(got.Body) != `{"greeting":"hello you"}`+"\n" {
		t.Errorf("got %d %q", got.Status, got.Body)
	}
}

func TestRefusesWhatIsNoJSON(t *testing.T) {
	got := workertest.Call(t, greet, workertest.Request{Method: "POST", Body: []byte("you")})
	if got.Status != 400 || string(got.Body) != `{"error":"invalid character 'y' looking for beginning of value"}`+"\n" {
		t.Errorf("got %d %q", got.Status, got.Body)
	}
}
