package main

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

const slowStacks = "stacks of a slow request"

func TestASlowRequestShowsWhereItIs(t *testing.T) {
	commands := languages(t)
	for language, function := range map[string]string{"Python": "conformance.py\", line 46 in size", "Java": "conformance.Main.handle(Main.java:46)"} {
		for _, output := range []string{"stdout", "fd3"} {
			t.Run(language+" with frames on "+output, func(t *testing.T) {
				i := launch(t, "pool_size=1", "slow_log=300ms", "worker_output="+output, "fprocess="+commands[language])
				i.awaitReady()
				conn := dial(t, i)
				fmt.Fprint(conn, "POST /size HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n") // it lasts until its body ends
				shown := i.await(slowStacks, nil)
				if line := i.find("request was slow", nil); line != nil {
					t.Errorf("the stacks came when the request was over: %v", line)
				}
				if text, _ := shown["stacks"].(string); !strings.Contains(text, function) {
					t.Errorf("the stacks do not name %q:\n%s", function, text)
				}
				fmt.Fprint(conn, "0\r\n\r\n")
				if resp, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || resp.StatusCode != 200 {
					t.Errorf("got %v, %v", resp, err)
				}
				slow := i.await("request was slow", nil)
				for _, key := range []string{"call_id", "slot", "serial"} {
					if shown[key] == nil || shown[key] != slow[key] {
						t.Errorf("%s is %v beside the stacks and %v beside the request", key, shown[key], slow[key])
					}
				}
				i.get("/sleep?ms=1500").is(t, 200, "slept") // on the same worker, which had a second in which to show its stacks again
				again := i.await("request was slow", func(l map[string]any) bool { return l["call_id"] != slow["call_id"] })
				if n := len(i.all(slowStacks)); n != 1 || again["serial"] != slow["serial"] {
					t.Errorf("%d times there are stacks; the worker is %v, and was %v", n, again["serial"], slow["serial"])
				}
			})
		}
	}
}

func TestASlowRequestOfALanguageWithoutSuchStacksHasItsLineOnly(t *testing.T) {
	commands := languages(t)
	for _, language := range []string{"Go", "Node"} {
		t.Run(language, func(t *testing.T) {
			i := launch(t, "pool_size=1", "slow_log=100ms", "worker_output=fd3", "fprocess="+commands[language])
			i.get("/sleep?ms=1500").is(t, 200, "slept")
			i.await("request was slow", nil)
			i.get("/echo").is(t, 200, "")
			if stacks, ended := i.all(slowStacks), i.all("worker ended"); len(stacks) > 0 || len(ended) > 0 {
				t.Errorf("there are stacks, %v, or the worker has gone: %v", stacks, ended)
			}
		})
	}
}
