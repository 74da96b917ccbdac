package function

import (
	"fmt"
	"io"
	"net/http"
)

// Handle answers a request. It runs many times at once, in a process that stays: what is made outside of it, such as a
// connection to a database, is made once.
func Handle(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	fmt.Fprintf(w, "Body: %s", body)
}
