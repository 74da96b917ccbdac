package worker

import (
	"slices"
	"sync"

	"fwatchdog/internal/life"
)

// wishes is what a worker asks of whoever replaces workers, each wish once.
type wishes struct {
	c chan life.Reason // holds every wish that there can be

	mu    sync.Mutex    // guards asked
	asked []life.Reason // what was sent on c
}

func newWishes() *wishes { return &wishes{c: make(chan life.Reason, len(life.Reasons))} }

func (w *wishes) ask(why life.Reason) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Contains(w.asked, why) {
		w.asked = append(w.asked, why)
		w.c <- why // there is room
	}
}
