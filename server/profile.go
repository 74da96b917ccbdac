package server

import (
	"net/http"
	"time"
)

// Profile is what differs from mode to mode in how HTTP is answered. The zero Profile is mode pool's; the modes of the
// OpenFaaS watchdogs answer as those do.
type Profile struct {
	// PassCallID says that X-Call-Id is passed on and never made, and that answers carry none of ours.
	PassCallID bool
	// Duration says which answers carry X-Duration-Seconds.
	Duration Duration
	// Timeout says what a request's X-Timeout can do.
	Timeout Timeout
	// Verbs are those that reach the function; others are answered 405. Empty is all.
	Verbs []string
	// NoReady makes /_/ready an ordinary path of the function's.
	NoReady bool
	// Terse leaves out what the OpenFaaS watchdogs do not say: Retry-After when there are too many requests, and the
	// bodies of probes other than health's OK.
	Terse bool
	// LockIsHealth says that the instance is healthy and ready only while its lock file is there.
	LockIsHealth bool
	// WholeTimeouts makes ReadTimeout bound the whole body and WriteTimeout all from the end of the request's header
	// to the end of the response, instead of each piece.
	WholeTimeouts bool
	// Unread says that the function reads every body itself, small ones too.
	Unread bool
	// HeadLimit is the largest head of a request, in bytes; 0 is what fits one frame.
	HeadLimit int
	// Access says which line the log has for each call.
	Access Access
	// LogCallID puts the call's id behind the line that Access asks for.
	LogCallID bool
	// GuardFirst says that Config.Guard comes before Config.MaxInflight, and not behind it.
	GuardFirst bool
	// Upgrades says that a client may go over to WebSocket.
	Upgrades bool
	// ErrorType is the Content-Type of a 500 that is told in the function's place; "" is text/plain.
	ErrorType string
	// ReadyPath is a path of the function's that /_/ready asks; "" asks nobody.
	ReadyPath string

	judge func(error) verdict // nil is judge
}

// Duration is a rule for X-Duration-Seconds.
type Duration int

// The rules.
const (
	OnEveryAnswer Duration = iota
	OnCalls                // on what the function was asked for, errors too; not on what was turned away
	OnSuccess              // on 200
	OnNone
)

// on reports whether an answer carries X-Duration-Seconds.
func (d Duration) on(status int, called bool) bool {
	switch d {
	case OnEveryAnswer:
		return true
	case OnCalls:
		return called
	case OnSuccess:
		return called && status == http.StatusOK
	}
	return false
}

// Timeout is a rule for X-Timeout.
type Timeout int

// The rules. No request can lengthen exec_timeout or switch it off.
const (
	Shortens       Timeout = iota // a duration or a number of seconds counts, alone when exec_timeout is off
	ShortensLimits                // a duration counts, when exec_timeout is on
	Ignored
)

// wished is how long the request wants to wait, at most limit.
func (t Timeout) wished(value string, limit time.Duration) time.Duration {
	if t == Ignored || t == ShortensLimits && limit == 0 {
		return limit
	}
	wish, ok := duration(value, t == Shortens)
	if !ok || wish <= 0 || limit > 0 && wish > limit {
		return limit
	}
	return wish
}

// Access is a form of the log's line for a call.
type Access int

// The forms.
const (
	NoAccess   Access = iota
	AccessCode        // of-watchdog's, with the status as a number
	AccessText        // with its text, too: mode http
)

// openFaaSHead is the largest head that the OpenFaaS watchdogs take.
const openFaaSHead = 1 << 20

// profiles are those of the modes that differ from mode pool.
var profiles = map[string]Profile{
	"classic": {PassCallID: true, GuardFirst: true, Duration: OnSuccess, Timeout: Ignored, NoReady: true, Terse: true, LockIsHealth: true,
		WholeTimeouts: true, Unread: true, HeadLimit: openFaaSHead, judge: judgeClassic,
		Verbs: []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodGet}},
	"serializing": {PassCallID: true, Duration: OnCalls, Timeout: Ignored, Terse: true, LockIsHealth: true,
		WholeTimeouts: true, Unread: true, HeadLimit: openFaaSHead, Access: AccessCode, judge: judgeForked},
	"streaming": {PassCallID: true, Duration: OnNone, Timeout: Ignored, Terse: true, LockIsHealth: true,
		WholeTimeouts: true, Unread: true, HeadLimit: openFaaSHead, Access: AccessCode, judge: judgeForked},
	"http": {PassCallID: true, Duration: OnCalls, Timeout: ShortensLimits, Terse: true, LockIsHealth: true,
		WholeTimeouts: true, HeadLimit: openFaaSHead, Upgrades: true, Access: AccessText, judge: judgeUpstream},
	"static": {PassCallID: true, Duration: OnNone, Timeout: Ignored, Terse: true, LockIsHealth: true,
		WholeTimeouts: true, Unread: true, HeadLimit: openFaaSHead},
}

// ProfileOf returns the profile of a mode.
func ProfileOf(mode string) Profile { return profiles[mode] }
