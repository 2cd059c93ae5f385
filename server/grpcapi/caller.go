package grpcapi

import (
	"context"
	"maps"
	"slices"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/throng-chat/throng/server/api"
)

// carrier is the metadata of a call, as headers of a trace.
type carrier metadata.MD

func (ca carrier) Get(key string) string {
	if values := metadata.MD(ca).Get(key); len(values) > 0 {
		return values[0]
	}
	return ""
}
func (ca carrier) Set(key, value string) { metadata.MD(ca).Set(key, value) }
func (ca carrier) Keys() []string        { return slices.Collect(maps.Keys(ca)) }

// as returns the context of a call for the API.
func (s *Server) as(ctx context.Context) context.Context {
	md, _ := metadata.FromIncomingContext(ctx)
	ctx = s.api.Continue(ctx, carrier(md))
	address := ""
	if p, ok := peer.FromContext(ctx); ok {
		address = p.Addr.String()
	}
	caller, _ := ctx.Value(callerKey{}).(*api.Caller) // without one, the API denies the call
	return api.As(ctx, caller, address)
}
