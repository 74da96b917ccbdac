package fork

import (
	"fmt"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"

	"fwatchdog/internal/exchange"
)

// maxHeaders is how much the variables of one request may take, in bytes. The kernel gives no single one more than this
// to a process.
const maxHeaders = 128 << 10

// environment is that of the process for one request.
func (f *Forks) environment(r *exchange.Request) ([]string, error) {
	at, err := url.ParseRequestURI(string(r.Target))
	if err != nil {
		return nil, &exchange.RefusedError{Refusal: exchange.BadRequest, Text: fmt.Sprintf("the target %q is not valid", r.Target)}
	}
	classic := f.cfg.Mode == "classic"
	if classic && !f.cfg.Classic.CGIHeaders {
		return f.cfg.Command.Env, nil
	}
	v := newVariables(r.Header, classic)
	v.set("Http_Method", string(r.Method))
	v.setUnlessEmpty("Http_Query", at.RawQuery)
	v.setUnlessEmpty("Http_Path", at.Path)
	if r.Length < 0 {
		v.set("Http_Transfer_Encoding", "chunked")
	}
	if classic {
		length := strconv.Itoa(r.Length)
		v.set("Http_ContentLength", length)
		v.set("Http_Content_Length", length)
	}
	if v.bytes > maxHeaders {
		return nil, exchange.ErrHeadTooLarge
	}
	return v.over(f.cfg.Command.Env), nil
}

// variables are those of one request, in their order. None is there twice: programs do not agree which of two counts.
type variables struct {
	list  []string
	place map[string]int
	bytes int // of all
}

// newVariables returns those of the headers: the first value of each. Proxy would become Http_Proxy, which programs take
// for the address of a proxy.
func newVariables(header []exchange.Field, host bool) *variables {
	v := &variables{place: make(map[string]int, len(header)+8)}
	for _, field := range header {
		name := textproto.CanonicalMIMEHeaderKey(string(field.Key))
		if name == "Proxy" || name == "Host" && !host || strings.ContainsAny(name, "=\x00") {
			continue
		}
		name = "Http_" + strings.ReplaceAll(name, "-", "_")
		if _, twice := v.place[name]; !twice {
			v.set(name, string(field.Value))
		}
	}
	return v
}

// set sets a variable, anew if it was. Where no variable can hold the value there is none.
func (v *variables) set(name, value string) {
	if strings.Contains(value, "\x00") {
		v.put(name, "")
		return
	}
	v.put(name, name+"="+value)
}

// setUnlessEmpty sets a variable, of which there is none when value is empty.
func (v *variables) setUnlessEmpty(name, value string) {
	if value == "" {
		v.put(name, "")
		return
	}
	v.set(name, value)
}

// put makes entry that of a name, in place of one that a header has supplied; "" is none.
func (v *variables) put(name, entry string) {
	v.bytes += len(entry) + 1
	if at, ok := v.place[name]; ok {
		v.list[at] = entry
		return
	}
	v.place[name] = len(v.list)
	v.list = append(v.list, entry)
}

// over returns an environment with v put over it.
func (v *variables) over(below []string) []string {
	all := make([]string, 0, len(below)+len(v.list))
	for _, entry := range below {
		name, _, _ := strings.Cut(entry, "=")
		if _, hidden := v.place[name]; !hidden {
			all = append(all, entry)
		}
	}
	for _, entry := range v.list {
		if entry != "" {
			all = append(all, entry)
		}
	}
	return all
}
