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

// IsPath reports whether the path of a request is one of the server API.
func IsPath(r *http.Request) bool {
	return r.URL.Path == Path || strings.HasPrefix(r.URL.Path, Path+"/")
}

// KeyOf returns the API key of a request: from X-API-Key, Authorization or api_key; empty for none.
func KeyOf(r *http.Request) string {
	if key := r.Header.Get("X-API-Key"); key != "" {
		return key
	}
	if scheme, key, is := strings.Cut(r.Header.Get("Authorization"), " "); is && strings.EqualFold(scheme, "apikey") {
		return strings.TrimSpace(key)
	}
	return r.URL.Query().Get("api_key")
}

// unauthorized returns error 101 with the expected form. It reveals nothing about the key.
func unauthorized(r *http.Request) *protocol.Error {
	brought := "the request has no API key"
	switch scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " "); {
	case KeyOf(r) != "":
		brought = "the API key is not one of this server"
	case scheme != "" && !strings.EqualFold(scheme, "apikey"):
		brought = fmt.Sprintf("the scheme of Authorization is %q", logqueue.Clip(scheme))
	}
	return &protocol.Error{Code: session.ErrUnauthorized.Code, Message: "unauthorized: " + brought +
		": want a key under [api] or [[api.keys]] in the config file, or that of THRONG_API_KEY, as \"X-API-Key: KEY\", \"Authorization: apikey KEY\" or ?api_key=KEY"}
}
