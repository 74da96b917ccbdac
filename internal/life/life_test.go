package life

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"testing"
)

// A reason that is missing from the list has no metric.
func TestListHoldsEveryReason(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "life.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	declared := 0
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, is := n.(*ast.ValueSpec); is {
			if name, is := spec.Type.(*ast.Ident); is && name.Name == "Reason" {
				declared++
			}
		}
		return true
	})
	if declared == 0 || declared != len(Reasons) {
		t.Errorf("%d reasons are declared, %d are listed", declared, len(Reasons))
	}
	sorted := slices.Sorted(slices.Values(Reasons))
	if len(slices.Compact(sorted)) != len(Reasons) {
		t.Errorf("a reason is listed twice: %v", Reasons)
	}
}

func TestWorkerThatWasSentIsNotLost(t *testing.T) {
	lost := []Reason{MemoryHard, Timeout, Heartbeat, Crash, Exit, Protocol, StartFailed}
	for _, r := range Reasons {
		if r.Planned() == slices.Contains(lost, r) {
			t.Errorf("%s: planned: %v", r, r.Planned())
		}
	}
	if Reason("").Planned() {
		t.Error("no reason is said to be planned")
	}
}
