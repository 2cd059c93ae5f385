package grpcapi

import (
	"context"
	"crypto/tls"
	_ "embed"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
	"unicode"

	"golang.org/x/net/netutil"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/api"
)

// Limits of the port. The size of a request is that of the HTTP API.
const (
	MaxConnections    = 128 // more of them wait
	maxCallsAtOnce    = 100 // calls of one connection at a time
	maxMetadata       = 8 << 10
	grpcHandshakeTime = 5 * time.Second
	grpcIdleTime      = 10 * time.Minute // without a call, the connection is closed
	grpcPingInterval  = time.Minute
	grpcPingTime      = 20 * time.Second
)

// Names of the services.
const (
	centrifugoService = "centrifugal.centrifugo.api.CentrifugoApi"
	throngService     = "throng.api.ThrongApi"
)

//go:embed api.binpb
var descriptors []byte

// Server serves the API on one port.
type Server struct {
	api  *api.API
	grpc *grpc.Server
}

// New returns a server of an API. With certificates it speaks TLS only. maxMessage is that of the server.
func New(a *api.API, certificates *tls.Config, maxMessage int) (*Server, error) {
	s := &Server{api: a}
	options := []grpc.ServerOption{
		grpc.InTapHandle(s.tap), grpc.MaxRecvMsgSize(int(api.MaxBody(maxMessage))), grpc.MaxConcurrentStreams(maxCallsAtOnce), grpc.MaxHeaderListSize(maxMetadata),
		grpc.ConnectionTimeout(grpcHandshakeTime),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: grpcIdleTime, Time: grpcPingInterval, Timeout: grpcPingTime}),
	}
	if certificates != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(certificates)))
	}
	s.grpc = grpc.NewServer(options...)
	services, err := s.services()
	if err != nil {
		return nil, err
	}
	for _, desc := range services {
		s.grpc.RegisterService(desc, s)
	}
	return s, nil
}

// Serve accepts connections until Stop.
func (s *Server) Serve(listener net.Listener) error {
	return s.grpc.Serve(netutil.LimitListener(listener, MaxConnections))
}

// Stop ends Serve. It waits for the calls in progress, for at most limit.
func (s *Server) Stop(limit time.Duration) {
	late := time.AfterFunc(limit, s.grpc.Stop)
	defer late.Stop()
	s.grpc.GracefulStop()
}

// services returns the services of the descriptors. Each method of Centrifugo's service is one of the table of methods.
func (s *Server) services() ([]*grpc.ServiceDesc, error) {
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(descriptors, &set); err != nil {
		return nil, fmt.Errorf("gRPC descriptors: %w", err)
	}
	files, err := protodesc.NewFiles(&set)
	if err != nil {
		return nil, fmt.Errorf("gRPC descriptors: %w", err)
	}
	var services []*grpc.ServiceDesc
	for name, handle := range map[protoreflect.FullName]func(protoreflect.MethodDescriptor) grpc.MethodHandler{
		centrifugoService: s.method, throngService: s.call,
	} {
		found, err := files.FindDescriptorByName(name)
		if err != nil {
			return nil, fmt.Errorf("gRPC descriptors: %w", err)
		}
		desc := &grpc.ServiceDesc{ServiceName: string(name), HandlerType: (*any)(nil), Metadata: found.ParentFile().Path()}
		methods := found.(protoreflect.ServiceDescriptor).Methods()
		for i := range methods.Len() {
			m := methods.Get(i)
			if name == centrifugoService && s.api.Methods[apiName(m)] == nil {
				return nil, fmt.Errorf("gRPC method %s: the API has no such method", m.FullName())
			}
			desc.Methods = append(desc.Methods, grpc.MethodDesc{MethodName: string(m.Name()), Handler: handle(m)})
		}
		services = append(services, desc)
	}
	return services, nil
}

// apiName returns the name of a method in the API: presence_stats for PresenceStats.
func apiName(m protoreflect.MethodDescriptor) string {
	var b strings.Builder
	for i, r := range string(m.Name()) {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// callerKey is the key of the caller in the context of a call.
type callerKey struct{}

// tap rejects a call without a valid key before its message is read.
func (s *Server) tap(ctx context.Context, info *tap.Info) (context.Context, error) {
	caller := s.api.Caller(keyOf(info.Header))
	if caller == nil {
		s.api.CountRefused(&protocol.Error{Code: 101})
		return nil, status.Error(codes.Unauthenticated, `want a key under [api] or [[api.keys]] as metadata: "authorization: apikey KEY", or "x-api-key: KEY"`)
	}
	return context.WithValue(ctx, callerKey{}, caller), nil
}

// keyOf returns the API key of the metadata; empty for none.
func keyOf(md metadata.MD) string {
	if keys := md.Get("x-api-key"); len(keys) > 0 {
		return keys[0]
	}
	for _, value := range md.Get("authorization") {
		if scheme, key, ok := strings.Cut(value, " "); ok && strings.EqualFold(scheme, "apikey") {
			return strings.TrimSpace(key)
		}
	}
	return ""
}

// method returns the handler of a method of Centrifugo's service.
func (s *Server) method(m protoreflect.MethodDescriptor) grpc.MethodHandler {
	name := apiName(m)
	return func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		in, out := dynamicpb.NewMessage(m.Input()), dynamicpb.NewMessage(m.Output())
		if err := decode(in); err != nil {
			return nil, err
		}
		result, e := s.api.CallJSON(s.as(ctx), name, appendMessage(nil, in))
		if e != nil {
			return replyError(ctx, out, e)
		}
		to := protoreflect.Message(out)
		if fd := m.Output().Fields().ByName("result"); fd != nil {
			to = out.Mutable(fd).Message()
		}
		if err := setMessage(to, result); err != nil {
			return nil, status.Errorf(codes.Internal, "result of %s: %v", name, err)
		}
		return out, nil
	}
}

// call returns the handler of the method of throng's service, which calls a method by its name.
func (s *Server) call(m protoreflect.MethodDescriptor) grpc.MethodHandler {
	input, output := m.Input().Fields(), m.Output().Fields()
	return func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		in, out := dynamicpb.NewMessage(m.Input()), dynamicpb.NewMessage(m.Output())
		if err := decode(in); err != nil {
			return nil, err
		}
		params := in.Get(input.ByName("params")).Bytes()
		if len(params) == 0 {
			params = []byte("{}")
		}
		result, e := s.api.CallJSON(s.as(ctx), in.Get(input.ByName("method")).String(), params)
		if e != nil {
			return replyError(ctx, out, e)
		}
		out.Set(output.ByName("result"), protoreflect.ValueOfBytes(result))
		return out, nil
	}
}

// replyError returns a reply with an error, or with the metadata "x-centrifugo-error-mode: transport" the status.
func replyError(ctx context.Context, out *dynamicpb.Message, e *protocol.Error) (any, error) {
	if md, _ := metadata.FromIncomingContext(ctx); len(md.Get("x-centrifugo-error-mode")) > 0 && md.Get("x-centrifugo-error-mode")[0] == "transport" {
		return nil, status.Error(statusOf(e), e.Message)
	}
	fd := out.Descriptor().Fields().ByName("error")
	if fd == nil { // that of a batch
		return nil, status.Error(statusOf(e), e.Message)
	}
	to := out.Mutable(fd).Message()
	fields := fd.Message().Fields()
	to.Set(fields.ByName("code"), protoreflect.ValueOfUint32(e.Code))
	to.Set(fields.ByName("message"), protoreflect.ValueOfString(e.Message))
	if temporary := fields.ByName("temporary"); temporary != nil {
		to.Set(temporary, protoreflect.ValueOfBool(e.Temporary))
	}
	return out, nil
}

// statusOf returns the status for an error of the API.
func statusOf(e *protocol.Error) codes.Code {
	switch api.HTTPStatus(e) {
	case http.StatusUnauthorized:
		return codes.Unauthenticated
	case http.StatusForbidden:
		return codes.PermissionDenied
	case http.StatusNotFound:
		return codes.NotFound
	case http.StatusBadRequest:
		return codes.InvalidArgument
	case http.StatusTooManyRequests:
		return codes.ResourceExhausted
	case http.StatusRequestedRangeNotSatisfiable:
		return codes.OutOfRange
	case http.StatusServiceUnavailable:
		return codes.Unavailable
	}
	return codes.Internal
}
