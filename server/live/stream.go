package live

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/vitals"
)

const (
	maxLiveStreams  = 32               // at a time
	snapshotTimeout = 10 * time.Second // for one snapshot to a slow reader
	retryAfter      = "5"              // seconds
)

// serveStream handles GET /live: a snapshot each second as server-sent events. With ?once it is one snapshot as JSON.
func (l *Live) serveStream(w http.ResponseWriter, r *http.Request) {
	once := r.URL.Query().Has("once")
	select {
	case l.streams <- struct{}{}:
		defer func() { <-l.streams }()
	default:
		w.Header().Set("Retry-After", retryAfter)
		http.Error(w, "too many live pages are open: close one, or retry later", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "text/event-stream")
	if once {
		w.Header().Set("Content-Type", "application/json")
	}
	out := http.NewResponseController(w)
	snapshot, next := l.watch()
	for {
		if snapshot != nil {
			if write(w, out, snapshot, once) != nil || once {
				return // the reader has disconnected, or has what it wants
			}
		}
		select {
		case <-next:
		case <-r.Context().Done():
			return
		case <-l.ended:
			return
		}
		snapshot, next = l.watch()
	}
}

// write sends one snapshot.
func write(w http.ResponseWriter, out *http.ResponseController, snapshot []byte, once bool) error {
	if err := out.SetWriteDeadline(time.Now().Add(snapshotTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	before, after := "data: ", "\n\n"
	if once {
		before, after = "", "\n"
	}
	// One write, so that a reader of lines never has half of one for long.
	line := append(append([]byte(before), snapshot...), after...)
	if _, err := w.Write(line); err != nil {
		return err
	}
	return out.Flush()
}

// serveHistory handles GET /live/history: the samples of the last 15 minutes.
func (l *Live) serveHistory(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if _, err := w.Write(append(vitals.AppendHistory(nil, l.history(), fanout.ReasonNames[:], l.bounds), '\n')); err != nil {
		return // the reader has disconnected
	}
}

// serveDoctor handles GET /live/doctor: what limits the machine, as throng doctor --json.
func (l *Live) serveDoctor(w http.ResponseWriter, _ *http.Request) {
	if l.cfg.Doctor == nil {
		http.Error(w, "this program has no doctor", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if err := json.NewEncoder(w).Encode(l.cfg.Doctor()); err != nil {
		return // the reader has disconnected
	}
}
