package main

import (
	"log/slog"

	"github.com/coreos/go-systemd/v22/daemon"
)

// serviceManager informs systemd about the state of the service (sd_notify), so that a unit can have Type=notify-reload. Without
// NOTIFY_SOCKET it does nothing. Its methods write to a local socket: do not call them on the loop.
type serviceManager struct{ log *slog.Logger }

func (sm serviceManager) ready()    { sm.notify(daemon.SdNotifyReady) }
func (sm serviceManager) stopping() { sm.notify(daemon.SdNotifyStopping) }

// reload marks the begin of a reload, or with done its end.
func (sm serviceManager) reload(done bool) {
	if done {
		sm.ready()
		return
	}
	sm.notify(daemon.SdNotifyReloading + "\n" + daemon.SdNotifyMonotonicUsec())
}

func (sm serviceManager) notify(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		sm.log.Warn("service manager not notified (NOTIFY_SOCKET)", "state", state, "error", err)
	}
}
