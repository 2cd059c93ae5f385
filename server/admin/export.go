package admin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/throng-chat/throng/server/audit"
)

// ExportTrailer is the trailer of GET /export with the summary as JSON. A response without it is not complete.
const ExportTrailer = "Throng-Export"

// Errors of an export before its first line.
var (
	ErrNothingStored = errors.New("this server stores nothing: start it with --data or --nats")
	ErrExporting     = errors.New("another export is running: try again after it")
	ErrNoMajority    = errors.New("the node reaches no majority")
)

// Export writes the stored publications, values and sanctions as JSON lines, and with keys the keys. It returns the summary, which is JSON.
type Export func(ctx context.Context, by audit.Actor, keys bool, out io.Writer) (summary any, err error)

// serveExport handles GET /export. The summary names an error after the first line.
func serveExport(export Export, operator func(*http.Request) audit.Actor) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		w.Header().Set("Trailer", ExportTrailer)
		w.Header().Set("Cache-Control", "no-store")
		summary, err := export(r.Context(), operator(r), r.URL.Query().Has("keys"), w)
		switch {
		case errors.Is(err, ErrNothingStored):
			w.Header().Del("Trailer")
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		case errors.Is(err, ErrExporting), summary == nil && errors.Is(err, ErrNoMajority):
			w.Header().Del("Trailer")
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		text, jsonErr := json.Marshal(summary)
		if jsonErr != nil {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set(ExportTrailer, string(text))
	})
}
