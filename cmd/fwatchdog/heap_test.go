package main

import (
	"slices"
	"strconv"
	"testing"

	"fwatchdog/configs"
	"fwatchdog/supervisor"
)

func TestTheHeapOfAWorkerIsAPartOfItsMemory(t *testing.T) {
	for name, c := range map[string]struct {
		hard configs.MemoryLimit
		argv []string
		want []string
	}{
		"of its hard limit":    {1000 << 20, []string{"java", "-Xms{heap_mb}m", "-Xmx{heap_mb}m", "Main"}, []string{"java", "-Xms700m", "-Xmx700m", "Main"}},
		"never nothing":        {1 << 20, []string{"-Xmx{heap_mb}m"}, []string{"-Xmx1m"}},
		"only where it stands": {1 << 30, []string{"java", "-Xmx{heap}m"}, []string{"java", "-Xmx{heap}m"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := functionCommand(&configs.Settings{WorkerMemoryHard: c.hard}, c.argv)
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("got %q, %v, want %q", got, err, c.want)
			}
		})
	}
}

func TestTwiceTheWorkersHaveHalfTheHeap(t *testing.T) {
	for _, hard := range []int64{supervisor.Auto, supervisor.Off} {
		heap := func(workers int) int {
			settings := &configs.Settings{Fprocess: "{heap_mb}", PoolMax: workers, WorkerMemoryHard: configs.MemoryLimit(hard)}
			argv, err := functionCommand(settings, nil)
			if err != nil {
				t.Fatal(err)
			}
			mb, err := strconv.Atoi(argv[0])
			if err != nil {
				t.Fatal(err)
			}
			return mb
		}
		if one, three := heap(1), heap(3); three < one/2-16 || three > one/2+16 { // a successor counts too: 2 and 4 shares
			t.Errorf("one worker has %d MiB, each of three %d", one, three)
		}
	}
}
