//go:build !nonats

package natsbroker

const included = true // the engine, in this binary
