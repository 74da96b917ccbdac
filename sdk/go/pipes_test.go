package fwatchdog

import (
	"errors"
	"syscall"
	"testing"
)

func TestPipeThatIsNotThereIsNamed(t *testing.T) {
	file, err := private(1 << 20)
	if file != nil || !errors.Is(err, syscall.EBADF) || err.Error() != "duplicate descriptor 1048576: bad file descriptor" {
		t.Errorf("got %v, %v", file, err)
	}
}
