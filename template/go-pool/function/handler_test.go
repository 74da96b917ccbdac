package function

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHandleAnswersWithTheBody(t *testing.T) {
	w := httptest.NewRecorder()

	Handle(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader("hello")))

	if w.Code != http.StatusOK || w.Body.String() != "Body: hello" {
		t.Errorf("got %d %q", w.Code, w.Body)
	}
}
