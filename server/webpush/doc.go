// Package webpush sends Web Push messages (RFC 8030): encrypted for one browser (RFC 8291, RFC 8188) and signed by this server (VAPID, RFC
// 8292). It knows no user and no room.
//
//	Sender.Send (sender.go) --> queue --> encrypt.go, vapid.go --> POST over addresses.go --> push service --> browser
//
// The URL of a subscription comes from a client. Therefore the URL must be https and name a push service that is allowed (subscription.go,
// services.go). Connections to addresses that are not public are rejected, after the name lookup (addresses.go). Redirects are not followed, and
// no proxy is used.
package webpush
