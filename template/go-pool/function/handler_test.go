package function

import (
	"reflect"
	"testing"
)

func TestHandleIsAFunction(t *testing.T) {
	if got := reflect.TypeOf(Handle).Kind(); got != reflect.Func {
		t.Errorf("Handle is a %v", got)
	}
}
