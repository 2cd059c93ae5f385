package api

import (
	_ "embed"
	"fmt"
	"net/http"
	"strings"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/session"
)

// The paths of the server API.
const (
	Path        = "/api"
	OpenAPIPath = "/api/openapi.json"
)

//go:embed openapi.json
var OpenAPI []byte

// Is is for the paths that the server API answers.
func Is(r *http.Request) bool {
	return r.URL.Path == Path || strings.HasPrefix(r.URL.Path, Path+"/")
}

// KeyOf is the key that a request brings, wherever it brings it.
func KeyOf(r *http.Request) string {
	if key := r.Header.Get("X-API-Key"); key != "" {
		return key
	}
	if scheme, key, is := strings.Cut(r.Header.Get("Authorization"), " "); is && strings.EqualFold(scheme, "apikey") {
		return strings.TrimSpace(key)
	}
	return r.URL.Query().Get("api_key")
}

// unauthorized is error 101, and what was expected. It tells nothing of the key.
func unauthorized(r *http.Request) *protocol.Error {
	brought := "the request has no API key"
	switch scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " "); {
	case KeyOf(r) != "":
		brought = "the API key is not the one of this server"
	case scheme != "" && !strings.EqualFold(scheme, "apikey"):
		brought = fmt.Sprintf("the scheme of Authorization is %q", logqueue.Clip(scheme))
	}
	return &protocol.Error{Code: session.ErrUnauthorized.Code, Message: "unauthorized: " + brought +
		": want the key under [api] in the config file, or of THRONG_API_KEY, as \"X-API-Key: KEY\", \"Authorization: apikey KEY\" or ?api_key=KEY"}
}
