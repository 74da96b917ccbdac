package systems

import (
	"testing"
	"time"
)

const printed = `Running 1s test @ http://127.0.0.1:1/
  2 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   704.00us    1.00ms  20.00ms   90.00%
  Latency Distribution
     50%  478.00us
     75%  700.00us
     90%    1.50ms
     99%    7.00ms
  1000 requests in 1.00s, 100.00KB read
Requests/sec:   1000.50
Transfer/sec:    100.00KB
`

func TestWhatWrkPrintsIsRead(t *testing.T) {
	got, err := parse(printed, processorTime{all: time.Second, first: 500 * time.Millisecond})
	want := Result{Rate: 1000.5, Answers: 1000, CPU: time.Millisecond, First: 500 * time.Microsecond,
		Latency: [4]time.Duration{478 * time.Microsecond, 700 * time.Microsecond, 1500 * time.Microsecond, 7 * time.Millisecond}}
	if err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestAWrongAnswerEndsTheRun(t *testing.T) {
	for _, line := range []string{"  Non-2xx or 3xx responses: 3\n", "  Socket errors: connect 0, read 1, write 0, timeout 0\n"} {
		if _, err := parse(printed+line, processorTime{}); err == nil {
			t.Errorf("%q is no error", line)
		}
	}
}
