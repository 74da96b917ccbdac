package exchange

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// deaf takes so many writes and then no more.
type deaf struct {
	takes int
	strings.Builder
}

func (d *deaf) Write(p []byte) (int, error) {
	if d.takes--; d.takes < 0 {
		return 0, io.ErrClosedPipe
	}
	return d.Builder.Write(p)
}

func TestABodyIsPouredAsLongAsItIsTaken(t *testing.T) {
	broken := errors.New("the client has gone")
	for name, test := range map[string]struct {
		body  io.Reader
		takes int
		want  string
		err   error
	}{
		"a whole body":                {iotest.OneByteReader(strings.NewReader("hello")), 100, "hello", nil},
		"its last piece with its end": {iotest.DataErrReader(strings.NewReader("hello")), 100, "hello", nil},
		"nobody takes the rest":       {iotest.OneByteReader(strings.NewReader("hello")), 2, "he", nil},
		"it breaks off":               {io.MultiReader(strings.NewReader("he"), iotest.ErrReader(broken)), 100, "he", broken},
	} {
		t.Run(name, func(t *testing.T) {
			to := &deaf{takes: test.takes}
			if err := Pour(to, test.body); err != test.err || to.String() != test.want {
				t.Errorf("got %q, %v", to.String(), err)
			}
		})
	}
}
