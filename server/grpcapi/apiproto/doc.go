// Package apiproto has the messages and the clients of the gRPC API, generated from api.proto and throng.proto. To generate it, install protoc,
// protoc-gen-go v1.36.12 and protoc-gen-go-grpc v1.6.2, and run go generate in this directory.
package apiproto

//go:generate protoc --go_out=. --go_opt=paths=source_relative --go-grpc_out=. --go-grpc_opt=paths=source_relative api.proto throng.proto
