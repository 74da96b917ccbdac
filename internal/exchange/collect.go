package exchange

import (
	"fmt"
	"io"
)

// LargeError is a function's answer that is larger than may be collected before it is sent.
type LargeError struct {
	// Most is how large it may be, in bytes.
	Most int64
}

// Error is part of error.
func (e *LargeError) Error() string {
	return fmt.Sprintf("the function's answer is over %d bytes, a quarter of the memory: it was ended; use a mode that sends an answer as it comes", e.Most)
}

// Collect reads an answer to its end, as a collector is told by Within. The error is a *LargeError when there is more.
func Collect(answer io.Reader, most int64) ([]byte, error) {
	all, err := io.ReadAll(Within(answer, most))
	if err == nil && Exceeds(all, most) {
		return nil, &LargeError{Most: most}
	}
	return all, err
}

// Exceeds reports whether what was read Within most is more than that.
func Exceeds(answer []byte, most int64) bool { return most > 0 && int64(len(answer)) > most }

// Within is an answer up to the first byte that is too many; 0 is no limit.
func Within(answer io.Reader, most int64) io.Reader {
	if most <= 0 {
		return answer
	}
	return io.LimitReader(answer, most+1)
}
