package protocol

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHexDumpReadsLikeHexdump(t *testing.T) {
	tests := []struct {
		name string
		in   string
		want string
	}{
		{"nothing", "", ""},
		{"one byte", "\xfb", "00000000  fb                                               |.|"},
		{"a whole row", "0123456789abcdef",
			"00000000  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  |0123456789abcdef|"},
		{"two rows", "\x00\x1f ~\x7f\x80\xff" + strings.Repeat("x", 10),
			"00000000  00 1f 20 7e 7f 80 ff 78 78 78 78 78 78 78 78 78  |.. ~...xxxxxxxxx|\n" +
				"00000010  78                                               |x|"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, HexDump([]byte(tt.in))); diff != "" {
				t.Errorf("dump (-want +got):\n%s", diff)
			}
		})
	}
}
