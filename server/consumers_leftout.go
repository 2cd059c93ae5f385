//go:build noconsumers

package server

import (
	"log/slog"

	"github.com/throng-chat/throng/server/api"
	"github.com/throng-chat/throng/server/metrics"
)

const consumersIncluded = false

// newConsumers returns none: the settings that turn one on are invalid.
func newConsumers(*Config, *api.API, *metrics.Metrics, *slog.Logger) *consumers { return nil }
