// Package origin decides which hosts a request may name and which web pages may send it (Host and Origin headers), so that no page of
// another site acts for its visitor, DNS rebinding included.
package origin
