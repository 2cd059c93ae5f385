package fanout

import (
	"github.com/throng-chat/throng/server/deflate"
	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/ws"
)

const (
	maxFragments          = 64 // frames of one message, with empty ones
	AudienceShareRetained = 8  // the budget of one audience is MaxRetained divided by this
)

// Limits are the limits of connections that a reload replaces (Engine.SetLimits). They are immutable. An act loads them once (Core.Limits).
type Limits struct {
	Rules               ws.Rules
	DeflateRules        ws.Rules // of connections with permessage-deflate
	frameRate           limiter.Rate
	byteRate            byteRate
	MaxLive             int64 // connections
	MaxUnsent           int   // bytes that one outbox may cost alone
	MaxRetained         int64 // bytes that all outboxes may retain
	MaxRetainedAudience int64 // bytes that the slow members of one audience may make it retain
}

func newLimits(cfg Config) *Limits {
	return &Limits{
		Rules: ws.Rules{MaxMessage: cfg.MaxMessage, MaxFragments: maxFragments},
		DeflateRules: ws.Rules{
			MaxMessage: cfg.MaxMessage, MaxFragments: maxFragments, MaxCompressed: deflate.MaxCompressed(cfg.MaxMessage),
		},
		frameRate:           limiter.PerSecond(cfg.Frames),
		byteRate:            byteRate(cfg.RateBytes),
		MaxLive:             int64(cfg.MaxConnections),
		MaxUnsent:           cfg.MaxUnsent,
		MaxRetained:         int64(cfg.MaxRetained),
		MaxRetainedAudience: int64(max(cfg.MaxRetained/AudienceShareRetained, 2*cfg.MaxMessage)),
	}
}
