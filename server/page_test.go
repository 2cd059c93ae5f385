package server

import (
	"strings"
	"testing"
)

// getPage returns the chat page, and its policy.
func getPage(t *testing.T, s *Server) (page, policy string) {
	t.Helper()
	res, body := ask(t, s.Addr().String(), "GET / HTTP/1.1\r\nHost: "+s.Addr().String()+"\r\nConnection: close\r\n\r\n")
	return body, res.Header.Get("Content-Security-Policy")
}

func pageEffects() map[string]effect {
	return map[string]effect{
		"page.token-url": {func(c *Config) { c.Page.TokenURL = "https://app.example/token" }, func(t *testing.T, s *Server) bool {
			page, policy := getPage(t, s)
			return strings.Contains(page, `data-token-url="https://app.example/token"`) && strings.Contains(policy, "connect-src 'self' https://app.example;")
		}},
		"page.sign-in-url": {func(c *Config) { c.Page.SignInURL = "/sign-in" }, func(t *testing.T, s *Server) bool {
			page, _ := getPage(t, s)
			return strings.Contains(page, `data-sign-in-url="/sign-in"`)
		}},
		"page.embed-origins": {func(c *Config) { c.Page.EmbedOrigins = []string{"https://*.app.example"} }, func(t *testing.T, s *Server) bool {
			_, policy := getPage(t, s)
			return strings.Contains(policy, "frame-ancestors https://*.app.example;")
		}},
	}
}

func TestPageSettingsAreChecked(t *testing.T) {
	const url = "must be a path of the server that the page comes from"
	for _, tt := range []struct {
		page PageConfig
		says string // empty: valid
	}{
		{page: PageConfig{TokenURL: "/token?a=b", SignInURL: "https://app.example/in", EmbedOrigins: []string{"https://app.example", "http://localhost:8080", "*"}}},
		{page: PageConfig{TokenURL: "http://127.0.0.1:8080/token"}},
		{page: PageConfig{TokenURL: "token"}, says: `page.token-url = "token": ` + url},
		{page: PageConfig{TokenURL: "//evil.example/token"}, says: url},
		{page: PageConfig{TokenURL: `/\evil.example/token`}, says: url},
		{page: PageConfig{TokenURL: "http://app.example/token"}, says: url},
		{page: PageConfig{SignInURL: "javascript:alert(1)"}, says: `page.sign-in-url = "javascript:alert(1)": ` + url},
		{page: PageConfig{EmbedOrigins: []string{"app.example"}}, says: `page.embed-origins = "app.example": must be scheme://host`},
		{page: PageConfig{EmbedOrigins: []string{"null"}}, says: "must be the origin of a site"},
		{page: PageConfig{EmbedOrigins: []string{"capacitor://localhost"}}, says: "must be the origin of a site"},
		{page: PageConfig{EmbedOrigins: []string{"https://a.example; script-src *"}}, says: "embed-origins"},
		{page: PageConfig{EmbedOrigins: []string{"https://例え.example"}}, says: "in ASCII (xn--)"},
	} {
		c := DefaultConfig()
		c.Page = tt.page
		err := c.Validate()
		if got := err == nil; got != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%+v: got %v, want %q", tt.page, err, tt.says)
		}
	}
}
