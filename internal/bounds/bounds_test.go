package bounds_test

import (
	"errors"
	"testing"

	"fwatchdog/internal/bounds"
)

func TestEveryValueThatIsBadIsNamed(t *testing.T) {
	var check bounds.Check
	check.Bad(false, "port", 80, "0 to 65535")
	if err := check.Err(); err != nil {
		t.Errorf("got %v where nothing is bad", err)
	}
	check.Bad(true, "port", -1, "0 to 65535")
	check.Bad(true, "retry", "on", "off")
	err := check.Err()
	if want := "port is -1: it must be 0 to 65535\nretry is on: it must be off"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if first := new(bounds.Error); !errors.As(err, &first) || first.Name != "port" || first.Value != -1 || first.Must != "0 to 65535" {
		t.Errorf("got %+v", first)
	}
}
