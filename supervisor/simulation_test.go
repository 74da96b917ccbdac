package supervisor

import (
	"encoding/csv"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"fwatchdog/internal/exchange"
	"fwatchdog/pool"
)

var simulated = flag.String("simulated", "", "a file to write what the simulation found to, as CSV")

const (
	minutes = 5
	idle    = 4 * time.Second
	boots   = 300 * time.Millisecond // a start
	service = 50 * time.Millisecond  // of a request, on average
)

// A scene is when requests come, and how many workers a fixed pool has that could just serve them.
type scene struct {
	name  string
	small int
	come  func(dice *rand.Rand) []time.Duration // since the beginning, in order
}

// scenes are kinds of load, each of some minutes.
var scenes = []scene{
	{"Poisson: 10 a second, 150 from 1:00 to 2:00", 8, func(dice *rand.Rand) []time.Duration {
		return poisson(dice, func(at time.Duration) float64 {
			if at >= time.Minute && at < 2*time.Minute {
				return 150
			}
			return 10
		})
	}},
	{"Bursts: 40 at once, every 20 s on average", 4, func(dice *rand.Rand) []time.Duration {
		var come []time.Duration
		for _, at := range poisson(dice, func(time.Duration) float64 { return 0.05 }) {
			for range 40 {
				come = append(come, at)
			}
		}
		return come
	}},
}

// poisson draws when requests come whose rate, in a second, is a function of time.
func poisson(dice *rand.Rand, rate func(time.Duration) float64) []time.Duration {
	var come []time.Duration
	for at := time.Duration(0); at < (minutes-1)*time.Minute; { // the last minute is quiet
		if at += time.Duration(dice.ExpFloat64() / rate(at) * float64(time.Second)); at < (minutes-1)*time.Minute {
			come = append(come, at)
		}
	}
	return come
}

// found is what happened in one second.
type found struct {
	waits   []time.Duration // of the requests that came in it
	workers int             // ready or starting at its end
}

// quantile returns the wait that the part q of the requests did not exceed.
func (f found) quantile(q float64) time.Duration {
	if len(f.waits) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(f.waits))
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}

// simulate plays one scene on a pool and returns what happened in each second.
func simulate(t *testing.T, scene scene, cfg pool.Config) []found {
	t.Helper()
	dice := rand.New(rand.NewPCG(7, 7))
	come := scene.come(dice)
	seconds := make([]found, 60*minutes)
	var mu sync.Mutex // guards the waits in seconds
	cfg.QueueSize = 10_000
	performFor(t, idle, cfg, 1, boots, func(s *stage) {
		begin := time.Now()
		for n := range seconds {
			for len(come) > 0 && come[0] < time.Duration(n+1)*time.Second {
				time.Sleep(come[0] - time.Since(begin))
				come = come[1:]
				x := &exchange.Exchange{Request: exchange.Request{Timeout: time.Duration(dice.ExpFloat64() * float64(service))}}
				s.calls.Go(func() {
					if err := s.Do(s.t.Context(), x); err != nil {
						s.t.Errorf("a request failed: %v", err)
					}
					mu.Lock()
					defer mu.Unlock()
					seconds[n].waits = append(seconds[n].waits, x.Waited)
				})
			}
			time.Sleep(time.Duration(n+1)*time.Second - time.Since(begin))
			seconds[n].workers = s.Load().Wanted
		}
	})
	return seconds
}

// An elastic pool is put beside fixed ones under the same requests: one that can just serve them, and one as large as the
// elastic one may become.
func TestElasticPoolWaitsLessThanAFixedOneThatIsJustLargeEnough(t *testing.T) {
	const most = 16
	var rows [][]string
	for _, scene := range scenes {
		t.Run(scene.name, func(t *testing.T) {
			elastic := simulate(t, scene, pool.Config{Size: 1, Max: most})
			small := simulate(t, scene, pool.Config{Size: scene.small})
			large := simulate(t, scene, pool.Config{Size: most})
			for name, seconds := range map[string][]found{"elastic": elastic, "small": small, "large": large} {
				whole := all(seconds)
				t.Logf("%s: %.1f workers on average, wait p50 %v, p99 %v", name, mean(seconds), whole.quantile(.5), whole.quantile(.99))
				rows = append(rows, records(scene.name, name, seconds)...)
			}
			for _, q := range []float64{.5, .9, .99} {
				if e, s := all(elastic).quantile(q), all(small).quantile(q); e > s || e == s && s > 0 {
					t.Errorf("of %v the wait is up to %v, and with %d workers all the time %v", q, e, scene.small, s)
				}
			}
			if mean(elastic) >= most-1 {
				t.Errorf("%.1f workers on average are hardly less than %d", mean(elastic), most)
			}
		})
	}
	if *simulated != "" {
		write(t, *simulated, rows)
	}
}

func sum(seconds []found) (workers int) {
	for _, second := range seconds {
		workers += second.workers
	}
	return workers
}

func mean(seconds []found) float64 { return float64(sum(seconds)) / float64(len(seconds)) }

// all puts seconds together.
func all(seconds []found) (whole found) {
	for _, second := range seconds {
		whole.waits = append(whole.waits, second.waits...)
	}
	return whole
}

// records are the rows of a table: scene, pool, second, p50 and p99 of the wait in milliseconds, workers.
func records(scene, pool string, seconds []found) [][]string {
	ms := func(d time.Duration) string { return strconv.FormatFloat(d.Seconds()*1000, 'f', 1, 64) }
	var rows [][]string
	for n, second := range seconds {
		rows = append(rows, []string{scene, pool, fmt.Sprint(n), ms(second.quantile(.5)), ms(second.quantile(.99)), fmt.Sprint(second.workers)})
	}
	return rows
}

func write(t *testing.T, name string, rows [][]string) {
	t.Helper()
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := csv.NewWriter(file).WriteAll(rows); err != nil {
		t.Fatal(err)
	}
}
