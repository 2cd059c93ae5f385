// Package origin checks the Host and Origin headers of a request: which host it names, and which web page sent it. It prevents that a page
// of another site acts in the name of its visitor, also by DNS rebinding.
package origin
