package protocol

import "testing"

func TestCommonVersionIsTheHighestOfBothRanges(t *testing.T) {
	tests := []struct {
		min, max uint16
		want     uint16
		text     string
	}{
		{1, 1, 1, ""},
		{0, 1, 1, ""},
		{1, 9, 1, ""},
		{0, 65535, 1, ""},
		{2, 3, 0, "protocol: no common version: the other side speaks 2 to 3, this side 1 to 1"},
		{0, 0, 0, "protocol: no common version: the other side speaks 0 to 0, this side 1 to 1"},
	}
	for _, tt := range tests {
		got, err := Hello{Min: tt.min, Max: tt.max}.Common()
		if got != tt.want || (err == nil) != (tt.text == "") || err != nil && err.Error() != tt.text {
			t.Errorf("%d to %d: got %d, %v, want %d, %q", tt.min, tt.max, got, err, tt.want, tt.text)
		}
	}
}
