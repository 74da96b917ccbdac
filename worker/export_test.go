package worker

// LastCall is the stream at which a worker asks to be replaced.
const LastCall = lastCall

// SetLastStream makes n the number of the last stream.
func (f *Framed) SetLastStream(n uint32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stream = n
}
