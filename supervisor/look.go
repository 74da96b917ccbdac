package supervisor

import (
	"slices"
	"time"

	"go.uber.org/zap"

	"fwatchdog/internal/life"
	"fwatchdog/pool"
)

// look judges memory and age of every worker, all in one pass, and waits for none.
func (s *Supervisor) look() {
	snap := s.pool.Snapshot()
	slots := snap.Slots
	s.sayCrashes(snap)
	before := s.before
	took, err := s.measure(slots)
	if err != nil {
		s.log.Warn("memory could not be measured", zap.Error(err))
		return
	}
	readings, usage := readingsOf(slots, took), s.whole(took)
	s.first = s.first.next(took)
	s.pool.Tighten(s.limits.tight(s.first, usage))
	s.pack = pack(s.pack, before, s.before)
	s.pool.Pack(s.pack)
	for _, v := range s.limits.judge(readings, usage, s.cfg.MinAge) {
		if s.pool.Retire(v.serial, v.why) {
			s.sayMemory(v, slots, took[v.serial].Memory, usage)
		}
	}
}

// sayMemory tells what was measured of a worker that goes because of its memory: the line of its end does not know.
func (s *Supervisor) sayMemory(v verdict, slots []pool.SlotInfo, memory, usage int64) {
	if v.why != life.MemorySoft && v.why != life.MemoryHard {
		return
	}
	at := slices.IndexFunc(slots, func(slot pool.SlotInfo) bool { return slot.ID.Serial == v.serial })
	s.log.Warn("worker took too much memory", zap.Int("slot", slots[at].ID.Slot), zap.Uint64("serial", v.serial),
		zap.String("reason", string(v.why)), zap.Int64("memory_bytes", memory), zap.Int64("soft_bytes", s.limits.Soft),
		zap.Int64("hard_bytes", s.limits.Hard), zap.Int64("container_bytes", usage), zap.Int64("budget_bytes", s.limits.Budget))
}

// fewCrashes may be of one request that is sent again, or of a machine short of memory for a moment. Of a pool of one
// worker a single crash would be over half.
const fewCrashes = 2

// sayCrashes says so once when most workers crash: the pool goes on, and rests for longer and longer in between.
func (s *Supervisor) sayCrashes(snap pool.Snapshot) {
	crashing := snap.CrashBudgetExceeded && snap.Crashes > fewCrashes
	if crashing && !s.crashing {
		s.log.Error("workers keep crashing",
			zap.Int("crashes_in_last_minute", snap.Crashes), zap.Int("workers", snap.Target))
	}
	s.crashing = crashing
}

// measure returns what each worker takes, by serial, and keeps it for whoever asks.
func (s *Supervisor) measure(slots []pool.SlotInfo) (map[uint64]life.Usage, error) {
	if s.cfg.MemoryInterval == 0 {
		return nil, nil
	}
	groups := map[int]bool{}
	for _, pid := range pids(slots) {
		groups[pid] = true
	}
	byGroup, err := sampleGroups(groups, s.cfg.MemoryMetric == "pss")
	if err != nil {
		return nil, err
	}
	elapsed := time.Since(s.sampled)
	samples, took := make(map[uint64]sample, len(slots)), make(map[uint64]life.Usage, len(slots))
	for _, slot := range slots {
		if now, there := byGroup[slot.Vitals.Pid]; there {
			now.served = slot.Served
			samples[slot.ID.Serial] = now
			took[slot.ID.Serial] = now.since(s.before[slot.ID.Serial], elapsed)
		}
	}
	s.before, s.sampled = samples, time.Now()
	s.keep(took)
	return took, nil
}

func (s *Supervisor) keep(took map[uint64]life.Usage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.usage = took
}

// whole looks at the container: at its limit, which may be another one since the last time, and at what the whole of it takes, in
// bytes, which it returns; where nobody counts that, what we know of.
func (s *Supervisor) whole(took map[uint64]life.Usage) int64 {
	if s.cfg.MemoryInterval == 0 {
		return 0
	}
	folder, limit := s.cgroup.tightest(filesystem())
	s.follow(min(s.machine, limit))
	if used := s.cgroup.used(filesystem(), folder); used > 0 {
		return used
	}
	whole := s.limits.Own
	for _, worker := range took {
		whole += worker.Memory
	}
	return whole
}

// readingsOf puts together what a worker is judged by. One that starts is not judged: its start has a limit in time.
func readingsOf(slots []pool.SlotInfo, took map[uint64]life.Usage) []reading {
	var readings []reading
	for _, slot := range slots {
		if slot.State != pool.Ready && slot.State != pool.Draining {
			continue
		}
		readings = append(readings, reading{
			serial:   slot.ID.Serial,
			inflight: slot.Inflight,
			age:      slot.Age,
			maxAge:   slot.MaxAge,
			memory:   took[slot.ID.Serial].Memory,
			leaves:   slot.State == pool.Draining || slot.Why != "",
		})
	}
	return readings
}
