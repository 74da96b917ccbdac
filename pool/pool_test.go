package pool

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestConfigReportsEveryFieldThatIsOutOfRange(t *testing.T) {
	good := Config{Size: 1, QueueTimeout: 1, StopTimeout: 1}
	for _, test := range []struct {
		name   string
		change func(*Config)
		says   []string
	}{
		{"good", func(*Config) {}, nil},
		{"nothing set", func(c *Config) { *c = Config{} }, []string{"pool_size", "queue_timeout", "stop_timeout"}},
		{"elastic", func(c *Config) { c.Size, c.Min, c.Max, c.Spare = 2, 1, 4, 4 }, nil},
		{"bounds below 1", func(c *Config) { c.Min, c.Max = -1, -1 }, []string{"pool_min is -1", "pool_max is -1"}},
		{"bounds that are crossed", func(c *Config) { c.Min, c.Max = 5, 4 }, []string{"pool_min is 5: it must be at most pool_max, which is 4"}},
		{"lower bound over the size", func(c *Config) { c.Size, c.Min = 4, 5 }, []string{"pool_min is 5: it must be at most pool_max, which is 4"}},
		{"upper bound below the size", func(c *Config) { c.Size, c.Max = 4, 3 }, []string{"pool_min is 4: it must be at most pool_max, which is 3"}},
		{"more than anybody wants", func(c *Config) { c.Size, c.Min, c.Max = 1e9, 1, 1e9 }, []string{"pool_size is 1000000000: it must be at most 4096", "pool_max is 1000000000: it must be at most 4096"}},
		{"size outside of the bounds", func(c *Config) { c.Size, c.Min, c.Max = 9, 1, 4 }, []string{"pool_size is 9"}},
		{"elastic, with workers that share a port", func(c *Config) { c.Max, c.Exclusive = 2, true }, []string{"pool_max is 2: it must be 1"}},
		{"more to spare than there may be", func(c *Config) { c.Size, c.Max, c.Spare = 1, 4, 5 }, []string{"pool_spare is 5: it must be at most pool_max, which is 4"}},
		{"less than nothing to spare", func(c *Config) { c.Spare = -1 }, []string{"pool_spare"}},
		{"concurrency", func(c *Config) { c.Concurrency = -1 }, []string{"worker_concurrency"}},
		{"queue size", func(c *Config) { c.QueueSize = -2 }, []string{"queue_size"}},
		{"retry", func(c *Config) { c.Retry = "always" }, []string{"retry"}},
		{"age", func(c *Config) { c.MaxAge, c.MinAge = -1, -1 }, []string{"worker_max_age", "worker_min_age"}},
		{"jitter below 0", func(c *Config) { c.Jitter = -0.1 }, []string{"recycle_jitter"}},
		{"jitter over 1", func(c *Config) { c.Jitter = 1.1 }, []string{"recycle_jitter"}},
		{"jitter that is no number", func(c *Config) { c.Jitter = math.NaN() }, []string{"recycle_jitter"}},
		{"drain timeout", func(c *Config) { c.DrainTimeout = -time.Second }, []string{"drain timeout"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := good
			test.change(&cfg)
			err := cfg.Validate()
			if (err != nil) != (test.says != nil) {
				t.Fatalf("got %v", err)
			}
			for _, name := range test.says {
				if !strings.Contains(err.Error(), name) {
					t.Errorf("%q does not name %s", err, name)
				}
			}
			if err != nil && strings.Count(err.Error(), "\n") != len(test.says)-1 {
				t.Errorf("%q names more than %v", err, test.says)
			}
		})
	}
}
