// Package grpcapi serves the server API over gRPC: the methods, roles and limits of package api, in the wire format of Centrifugo.
//
//	call --> tap: the key --> service: message to JSON (convert.go) --> api.CallJSON --> JSON to message
//
// The messages are dynamic: their descriptors are in api.binpb and not in the registry of package protobuf, so that a program which embeds throng may
// contain Centrifugo's own client. Package apiproto has generated types for clients.
package grpcapi

//go:generate protoc -Iapiproto --descriptor_set_out=api.binpb api.proto throng.proto
