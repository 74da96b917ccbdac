package exchange

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestOnlyWhatNoFunctionHasBegunWithMayBeRetried(t *testing.T) {
	for _, test := range []struct {
		name string
		err  error
		may  bool
	}{
		{"no error", nil, false},
		{"lost unseen", &LostError{Cause: CauseCrash, Unseen: true}, true},
		{"lost", &LostError{Cause: CauseMemory}, false},
		{"lost unseen, wrapped", fmt.Errorf("send: %w", &LostError{Unseen: true}), true},
		{"raised", &RefusedError{Refusal: Raised}, false},
		{"not started", &RefusedError{Refusal: NotStarted}, true},
		{"bad request", &RefusedError{Refusal: BadRequest}, false},
		{"cancelled", &RefusedError{Refusal: Cancelled}, false},
		{"broken", &RefusedError{Refusal: Broken}, false},
		{"deadline", ErrDeadline, false},
		{"client gone", ErrClientGone, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := MayRetry(test.err); got != test.may {
				t.Errorf("got %v, want %v", got, test.may)
			}
		})
	}
}

func TestWhoeverWantsNoMoreHasCancelled(t *testing.T) {
	for _, err := range []error{ErrClientGone, ErrHostStops} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v is not context.Canceled", err)
		}
	}
	if errors.Is(ErrClientGone, ErrHostStops) || errors.Is(ErrHostStops, ErrClientGone) {
		t.Error("the two cannot be told apart")
	}
}

func TestErrorsSayWhatHappened(t *testing.T) {
	for _, test := range []struct {
		err  error
		says []string
	}{
		{&LostError{Cause: CauseMemory}, []string{"lost", "memory", "had the request"}},
		{&LostError{Cause: CauseCrash, Unseen: true}, []string{"lost", "crash", "before it read"}},
		{&RefusedError{Refusal: Raised, Text: "division by zero"}, []string{"division by zero"}},
	} {
		for _, says := range test.says {
			if !strings.Contains(test.err.Error(), says) {
				t.Errorf("%q does not say %q", test.err, says)
			}
		}
	}
}
