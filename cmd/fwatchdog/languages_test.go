package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
)

// languages are the commands of the conformance function in each.
func languages(t *testing.T) map[string]string {
	t.Helper()
	t.Setenv("PYTHONPATH", "../../sdk/python/src")
	jars := "../../sdk/java/target/fwatchdog-0.1.0.jar:../../sdk/java/target/fwatchdog-0.1.0-conformance.jar" // make java
	return map[string]string{
		"Go":     function,
		"Node":   "node ../../sdk/node/conformance.js",
		"Java":   "java -cp " + jars + " io.fwatchdog.conformance.Main",
		"Python": "python3 ../../sdk/python/conformance.py",
	}
}

func TestFunctionsOfEveryLanguageAnswer(t *testing.T) {
	for name, command := range languages(t) {
		t.Run(name, func(t *testing.T) {
			i := launch(t, "pool_size=1", "worker_output=fd3", "fprocess="+command)
			i.send("POST", "/echo", strings.NewReader("hello")).is(t, 200, "hello")
			body := strings.Repeat("0123456789", 500_000)
			i.send("POST", "/stream-echo", strings.NewReader(body)).is(t, 200, body)
		})
	}
}

func TestOneJVMServesFourAtOnce(t *testing.T) {
	i := launch(t, "pool_size=1", "worker_output=fd3", "fprocess="+languages(t)["Java"])
	best := time.Hour // of several rounds: a busy machine delays some, a worker that takes turns needs four seconds in all
	for round := 0; round < 8 && best >= 1100*time.Millisecond; round++ {
		best = min(best, atOnce(t, i, 4, "/sleep?ms=1000"))
	}
	if best >= 1100*time.Millisecond {
		t.Errorf("4 calls of 1 s took %v", best)
	}
}

func TestPrintsNeverReachABody(t *testing.T) {
	const clients, each = 8, 1250 // 10,000 requests
	for name, command := range languages(t) {
		for _, output := range []string{"stdout", "fd3"} {
			t.Run(name+" with frames on "+output, func(t *testing.T) {
				i := launch(t, "pool_size=1", "worker_output="+output, "worker_concurrency=8", "fprocess="+command)
				var group sync.WaitGroup
				for client := range clients {
					group.Go(func() { noisily(t, i, rand.New(rand.NewPCG(1, uint64(client))), each) })
				}
				group.Wait()
			})
		}
	}
}

// noisily mixes requests whose handlers print, in every way there is, with echoes, and looks at each byte.
func noisily(t *testing.T, i *instance, random *rand.Rand, requests int) {
	for range requests {
		target, body, want := "/echo", randomBytes(random), ""
		switch n := random.IntN(100); {
		case n < 1:
			target, want = "/print-subprocess", "printed"
		case n < 25:
			target, want = "/print", "printed"
		case n < 50:
			target, want = "/print-raw", "printed"
		default:
			want = string(body)
		}
		r, err := i.try(t.Context(), "POST", target, bytes.NewReader(body))
		if err != nil {
			t.Errorf("%s: %v", target, err)
			return
		}
		if r.StatusCode != 200 || r.body != want || r.err != nil {
			t.Errorf("%s: %d, %v, %d bytes of answer, want %d: %.100q", target, r.StatusCode, r.err, len(r.body), len(want), r.body)
			return
		}
	}
}

// randomBytes is a body of up to 20 kB, which holds the first bytes of frames, too.
func randomBytes(random *rand.Rand) []byte {
	var body bytes.Buffer
	for range random.IntN(10) {
		if random.IntN(4) == 0 {
			body.Write([]byte{0xFB, 0xF7, byte(random.IntN(24)), 0, 0, 0, 0, 1})
		}
		fmt.Fprint(&body, strings.Repeat(string(rune(random.IntN(0x700))), random.IntN(1000)))
	}
	return body.Bytes()
}
