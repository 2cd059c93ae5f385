package admin

import (
	"encoding/json"
	"net/http"
)

// respond sends body as JSON.
func respond(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// An error means that the client has disconnected.
	if err := json.NewEncoder(w).Encode(body); err != nil {
		return
	}
}
