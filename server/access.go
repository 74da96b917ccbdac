package server

import (
	"bytes"
	"cmp"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"fwatchdog/internal/logging"
)

// unlogged is how the User-Agent of those begins whose requests are not logged.
var unlogged = []byte("kube-probe")

// AccessLogs are the values of access_log: no call has a line in the log, those that failed, or all.
var AccessLogs = []string{"off", "errors", "all"}

// logged reports whether the log has a line for every request of this client.
func (s *Server) logged(h *fasthttp.RequestHeader) bool {
	wanted := s.cfg.AccessLog == "all" || s.cfg.AccessLog != "off" && s.cfg.Profile.Access != NoAccess
	return wanted && !bytes.HasPrefix(h.UserAgent(), unlogged)
}

// logAccess writes the log's line for a call that is over, if it is to have one. What was turned away has none but where all
// have: of those there may be thousands in a second, and they are counted.
func (s *Server) logAccess(c *call, took time.Duration) {
	switch {
	case s.cfg.SlowLog > 0 && took >= s.cfg.SlowLog:
		s.log.Warn("request was slow", s.accessFields(c, took)...)
	case c.logged && (!c.told || s.cfg.Profile.Access != NoAccess):
		if entry := s.log.Check(zap.InfoLevel, "request answered"); entry != nil {
			entry.Write(s.accessFields(c, took)...)
		}
	case c.status >= http.StatusInternalServerError && s.cfg.AccessLog != "off" && c.refused == "" && !c.told && !s.cfg.Profile.Terse:
		s.log.Warn("request answered", s.accessFields(c, took)...)
	}
}

// accessFields is what the log says of a call, also in the lines of the OpenFaaS watchdogs.
func (s *Server) accessFields(c *call, took time.Duration) []zap.Field {
	status, length, id := strconv.Itoa(c.status), c.sent, ""
	if s.cfg.Profile.Access == AccessText {
		status += " " + http.StatusText(c.status)
	}
	if s.cfg.Profile.Access == AccessText && c.unmeasured {
		length = -1
	}
	if s.cfg.Profile.LogCallID {
		id = " [" + cmp.Or(logging.Printable(string(c.Request.CallID)), "none") + "]"
	}
	return append(fields(c, took), logging.Line("%s %s - %s - ContentLength: %s (%.4fs)%s",
		logging.Printable(string(c.Request.Method)), logging.Printable(string(c.Request.Target)), status, size(length), took.Seconds(), id))
}

// told are the keys for which a call's essence stands.
var told = []string{"method", "target", "status", "bytes", "took"}

// fields is what the log says of a call.
func fields(c *call, took time.Duration) []zap.Field {
	took = took.Round(time.Microsecond)
	all := []zap.Field{zap.ByteString("method", c.Request.Method), zap.ByteString("target", c.Request.Target), zap.Int("status", c.status),
		zap.Int64("bytes", c.sent), zap.Duration("took", took), zap.Duration("waited", c.Waited.Round(time.Microsecond))}
	if c.Worker.Serial != 0 {
		all = append(all, zap.Int("slot", c.Worker.Slot), zap.Uint64("serial", c.Worker.Serial))
	}
	return append(all, zap.ByteString("call_id", c.Request.CallID),
		logging.Essence(told, "%s %s %d, %d bytes in %v", c.Request.Method, c.Request.Target, c.status, c.sent, took))
}

// size is a number of bytes in decimal units, with four significant digits.
func size(bytes int64) string {
	value, unit := float64(bytes), 0
	for units := len(sizeUnits) - 1; value >= 1000 && unit < units; unit++ {
		value /= 1000
	}
	return fmt.Sprintf("%.4g%s", value, sizeUnits[unit])
}

var sizeUnits = [...]string{"B", "kB", "MB", "GB", "TB", "PB"}
