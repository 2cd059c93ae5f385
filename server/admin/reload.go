package admin

import (
	"net/http"

	"github.com/throng-chat/throng/server/metrics"
)

// Reload is the result of a reload, and the response of POST /-/reload.
type Reload struct {
	Result       string   `json:"result"`        // the label of throng_reloads_total
	Applied      []string `json:"applied"`       // settings that changed and are in use
	NeedsRestart []string `json:"needs_restart"` // settings that changed and are not in use
	Errors       []string `json:"errors"`        // why nothing changed
}

// reload handles POST /-/reload. It responds when the settings are in use.
func (a *Admin) reload(w http.ResponseWriter, r *http.Request) {
	done := a.reloads(a.access.operator(r))
	status := http.StatusOK
	switch done.Result {
	case metrics.ReloadInvalid:
		status = http.StatusUnprocessableEntity
	case metrics.ReloadRejected:
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "1")
	}
	for _, list := range []*[]string{&done.Applied, &done.NeedsRestart, &done.Errors} {
		if *list == nil {
			*list = []string{}
		}
	}
	respond(w, status, done)
}
