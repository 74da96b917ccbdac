package static

import (
	"slices"
	"testing"
)

func TestHeadersHaveTheNamesThatTheFileServerSets(t *testing.T) {
	x := served(t, map[string]string{"a.txt": "hello"}, "GET", "/a.txt")
	var names []string
	for _, f := range x.Response.Header {
		names = append(names, string(f.Key))
	}
	slices.Sort(names)
	if want := []string{"Accept-Ranges", "Content-Length", "Content-Type", "Last-Modified"}; !slices.Equal(names, want) {
		t.Errorf("got %q", names)
	}
}
