// Package bounds says which settings have values that cannot be.
package bounds

import (
	"errors"
	"fmt"
)

// Error is a setting whose value parses but cannot be.
type Error struct {
	// Name is the setting's, Value what it is.
	Name  string
	Value any
	// Must is what is allowed, to stand after "it must be".
	Must string
}

// Error is part of error.
func (e *Error) Error() string {
	return fmt.Sprintf("%s is %v: it must be %s", e.Name, e.Value, e.Must)
}

// Check collects all that is wrong with some settings. The zero value is ready to use.
type Check struct{ errs []error }

// Bad notes a value when it is bad.
func (c *Check) Bad(is bool, name string, value any, must string) {
	if is {
		c.errs = append(c.errs, &Error{name, value, must})
	}
}

// Err joins what was noted; nil when all is well.
func (c *Check) Err() error { return errors.Join(c.errs...) }
