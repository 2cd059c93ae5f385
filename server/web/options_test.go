package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// serveWith returns the page and its policy for some options.
func serveWith(o Options) (page, policy string) {
	w := httptest.NewRecorder()
	Handler(o).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	return w.Body.String(), w.Header().Get("Content-Security-Policy")
}

func TestOptionsWidenThePolicyByWhatTheyNeed(t *testing.T) {
	for _, tt := range []struct {
		options  Options
		from, to string // of the policy without options
	}{
		{options: Options{TokenURL: "/token", SignInURL: "https://app.example/in"}},
		{Options{TokenURL: "https://app.example:8443/token?a=b"}, "connect-src 'self'", "connect-src 'self' https://app.example:8443"},
		{Options{EmbedOrigins: []string{"https://a.example", "https://*.b.example"}}, "frame-ancestors 'none'", "frame-ancestors https://a.example https://*.b.example"},
		{Options{EmbedOrigins: []string{"*"}}, "frame-ancestors 'none'", "frame-ancestors *"},
		{Options{Push: true}, "trusted-types 'none'", "trusted-types worker"},
	} {
		want := strings.Replace(wantPolicy, tt.from, tt.to, 1)
		if _, got := serveWith(tt.options); got != want {
			t.Errorf("%+v: got %q, want %q", tt.options, got, want)
		}
	}
}

func TestThePageHasItsOptionsAsText(t *testing.T) {
	page, _ := serveWith(Options{TokenURL: `/token?a="><script>`, SignInURL: "https://app.example/in?a=1&b=2", Push: true})
	want := `<html data-token-url="/token?a=&#34;&gt;&lt;script&gt;" data-sign-in-url="https://app.example/in?a=1&amp;b=2" data-push lang="en">`
	if !strings.Contains(page, want) || strings.Count(page, "<script") != 2 {
		t.Errorf("got\n%.300s\nwant\n%s", page, want)
	}
	if page, _ := serveWith(Options{}); !strings.Contains(page, `<html lang="en">`) {
		t.Errorf("without options: got\n%.100s", page)
	}
}

func TestFilesForLaterAreServed(t *testing.T) {
	for _, file := range later {
		if w := serve(http.MethodGet, file, nil); w.Code != http.StatusOK || w.Body.Len() < 100 {
			t.Errorf("%s: got %d and %d bytes, want 200 and the file", file, w.Code, w.Body.Len())
		}
	}
}
