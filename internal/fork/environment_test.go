package fork

import (
	"slices"
	"strings"
	"testing"

	"fwatchdog/internal/exchange"
)

func TestHeadersNeverSupplyVariablesThatAreOurs(t *testing.T) {
	header := func() []exchange.Field {
		return []exchange.Field{{Key: []byte("method"), Value: []byte("forged")}, {Key: []byte("path"), Value: []byte("/forged")},
			{Key: []byte("query"), Value: []byte("forged")}}
	}
	for _, test := range []struct {
		method, target string
		want           []string
	}{
		{"GET", "/%00", []string{"Http_Method=GET"}},
		{"GET", "/a", []string{"Http_Method=GET", "Http_Path=/a"}},
		{"G\x00", "/a?b", []string{"Http_Path=/a", "Http_Query=b"}},
	} {
		for _, mode := range []string{"classic", "serializing"} {
			f := &Forks{cfg: Config{Mode: mode, Classic: Classic{CGIHeaders: true}}}
			f.cfg.Command.Env = []string{"Http_Path=/ours", "Http_Query=ours"}
			env, err := f.environment(&exchange.Request{Method: []byte(test.method), Target: []byte(test.target), Header: header()})
			env = slices.DeleteFunc(env, func(entry string) bool { return strings.HasPrefix(entry, "Http_Content") })
			slices.Sort(env)
			if !slices.Equal(env, test.want) || err != nil {
				t.Errorf("%s, %q %s: got %q, %v", mode, test.method, test.target, env, err)
			}
		}
	}
}
