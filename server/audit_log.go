package server

import (
	"log/slog"
	"time"

	"github.com/throng-chat/throng/server/audit"
)

// auditTimeout is the time for the last records to be written when the server stops.
const auditTimeout = time.Second

// openAudit opens the audit log of a setting; nil if it is off.
func openAudit(setting string, log *slog.Logger) (*audit.Log, error) {
	return audit.Open(setting, func(err error) {
		log.Error("audit log not written; logged at most once per second", "error", err)
	})
}

// beginAudit starts the writer of the audit log; nil does nothing. end writes what waits, and closes the audit log.
func beginAudit(l *audit.Log, version string, log *slog.Logger) (end func()) {
	if l == nil {
		return func() {}
	}
	l.Start()
	l.Record(audit.Entry{Action: audit.Started, Actor: audit.Actor{Type: audit.ByServer}, Details: []slog.Attr{slog.String("version", version)}})
	return func() {
		l.Record(audit.Entry{Action: audit.Stopped, Actor: audit.Actor{Type: audit.ByServer}})
		if err := l.Stop(auditTimeout); err != nil {
			log.Error("audit log not closed", "error", err)
		}
	}
}
