package supervisor

import (
	"time"

	"fwatchdog/internal/life"
)

// Auto is a limit that is derived from the container's memory, and Off is none.
const (
	Auto int64 = -1
	Off  int64 = 0
)

// Limits are the memory that one worker may take, in bytes, its whole process group counted; 0 is no limit.
type Limits struct {
	// Soft is what a worker is replaced over, successor first; Hard what it is killed over.
	Soft, Hard int64
	// Budget is the container's memory, Own what the watchdog took of it at the start, and Share a worker's part.
	Budget, Own, Share int64
}

const (
	// usable is the part of the container's memory that is given out, in percent.
	usable = 90
	// softPart is the part of its share, or of a lower hard limit, over which a worker is replaced, in percent.
	softPart = 80
	// small is a share that hardly any runtime can live in, in bytes.
	small = 32 << 20
)

// resolve replaces Auto: a worker's share is what is usable of the budget, less what we take ourselves, divided by the
// workers there may be and one successor.
func (c Config) resolve(budget, own int64) Limits {
	l := Limits{Soft: c.MemorySoft, Hard: c.MemoryHard, Budget: budget, Own: own}
	l.Share = max(1, (budget/100*usable-own)/int64(c.Workers+1))
	if l.Hard == Auto {
		l.Hard = l.Share
	}
	if l.Soft == Auto {
		l.Soft = l.Share / 100 * softPart
		if l.Hard != Off {
			l.Soft = min(l.Soft, l.Hard/100*softPart)
		}
	}
	return l
}

// reading is one worker as it was measured.
type reading struct {
	serial   uint64
	inflight int
	age      time.Duration
	maxAge   time.Duration // 0 is none
	memory   int64
	leaves   bool // it is to go already, or has begun to
}

// verdict is what the pool is asked for.
type verdict struct {
	serial uint64
	why    life.Reason
}

// judge names the workers that must go. usage is what the whole container takes; when that is near the budget the largest
// idle worker goes, one at a time. A worker that is younger than minAge, or leaves already, is only judged by the hard
// limit: where a limit is below what a worker needs to start, replacing it would never end.
func (l Limits) judge(workers []reading, usage int64, minAge time.Duration) []verdict {
	var verdicts []verdict
	var largest *reading
	leaves := false
	for i, w := range workers {
		leaves = leaves || w.leaves
		if why := l.why(w, minAge); why != "" {
			verdicts = append(verdicts, verdict{w.serial, why})
		} else if w.inflight == 0 && w.age >= minAge && (largest == nil || w.memory > largest.memory) {
			largest = &workers[i]
		}
	}
	if len(verdicts) == 0 && !leaves && largest != nil && l.near(usage) {
		verdicts = append(verdicts, verdict{largest.serial, life.MemorySoft})
	}
	return verdicts
}

// near reports whether so much is near the budget.
func (l Limits) near(usage int64) bool { return l.Budget > 0 && usage > l.Budget/100*usable }

// first is what each worker took when it was measured first, in bytes, by serial.
type first map[uint64]int64

// next is the same after another round: workers come and go.
func (f first) next(took map[uint64]life.Usage) first {
	n := make(first, len(took))
	for serial, now := range took {
		memory, known := f[serial]
		if !known {
			memory = now.Memory
		}
		n[serial] = memory
	}
	return n
}

// tight reports whether there is no memory for one worker more: it will take as much as those there are took at first.
func (l Limits) tight(f first, usage int64) bool {
	largest := int64(0)
	for _, memory := range f {
		largest = max(largest, memory)
	}
	return l.near(usage + largest)
}

// why is the reason for which one worker must go, whatever the others do; "" when there is none.
func (l Limits) why(w reading, minAge time.Duration) life.Reason {
	switch {
	case l.Hard > 0 && w.memory > l.Hard:
		return life.MemoryHard
	case w.leaves || w.age < minAge:
		return ""
	case l.Soft > 0 && w.memory > l.Soft:
		return life.MemorySoft
	case w.maxAge > 0 && w.age >= w.maxAge:
		return life.MaxAge
	}
	return ""
}
