package cpus

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

func TestWatchdogLeavesHalfOfTheProcessorsUnlessRequestsWait(t *testing.T) {
	for n, half := range map[int]int{1: 1, 2: 1, 3: 2, 4: 2, 64: 32} {
		t.Run(fmt.Sprintf("of %d", n), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
			defer count.Store(count.Swap(int64(n)))
			synctest.Test(t, func(t *testing.T) {
				ctx, end := context.WithCancel(t.Context())
				var wait atomic.Bool
				done := make(chan struct{})
				go func() {
					defer close(done)
					Share(ctx, func() bool { return wait.Load() })
				}()
				for _, step := range []struct {
					wait bool
					want int
				}{{false, half}, {true, n}, {true, n}, {false, half}} {
					synctest.Wait()
					wait.Store(step.wait)
					time.Sleep(interval)
					synctest.Wait()
					if got := runtime.GOMAXPROCS(0); got != step.want {
						t.Errorf("while waiting is %v it uses %d processors, want %d", step.wait, got, step.want)
					}
				}
				end()
				<-done
			})
			if Count() != n {
				t.Errorf("Count says %d", Count())
			}
		})
	}
}

func TestWatchdogLearnsOfProcessorsThatCameOrWent(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	defer count.Store(count.Load())
	recount()
	all, one, n := unix.CPUSet{}, unix.CPUSet{}, Count()
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		t.Fatal(err)
	}
	first := 0
	for !all.IsSet(first) {
		first++
	}
	one.Set(first)
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		threads, done := make(chan int), make(chan struct{})
		go func() {
			defer close(done)
			runtime.LockOSThread() // for good: the thread ends with us
			threads <- unix.Gettid()
			Share(ctx, func() bool { return true })
		}()
		thread := <-threads
		for _, step := range []struct {
			processors *unix.CPUSet
			want       int
		}{{&one, 1}, {&all, n}} {
			if err := unix.SchedSetaffinity(thread, step.processors); err != nil {
				t.Fatal(err)
			}
			time.Sleep(recountInterval + interval)
			synctest.Wait()
			if got := runtime.GOMAXPROCS(0); got != step.want || Count() != step.want {
				t.Errorf("it uses %d processors of %d, want %d", got, Count(), step.want)
			}
		}
		end()
		<-done
	})
}

func TestWatchdogUsesWhatTheEnvironmentSays(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(5))
	t.Setenv("GOMAXPROCS", "5")
	Share(t.Context(), func() bool { return true })
	if got := runtime.GOMAXPROCS(0); got != 5 {
		t.Errorf("it uses %d processors, want 5", got)
	}
}
