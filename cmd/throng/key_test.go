package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each key is accepted where its note says that it belongs.
func TestKeysAreAcceptedByTheServer(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ command, before, note string }{
		{"secret", "[token]\nhmac-secret = ", "THRONG_TOKEN_HMAC_SECRET"},
		{"api", "[api]\nkey = ", "THRONG_API_KEY"},
		{"webhook", "[webhooks]\nurl = \"http://127.0.0.1/\"\nevents = [\"rpc\"]\nsecret = ", "THRONG_WEBHOOK_SECRET"},
		{"vapid", "[web-push]\nsubject = \"mailto:a@b.example\"\nprivate-key = ", "THRONG_WEB_PUSH_PRIVATE_KEY"},
	} {
		first, second := call(t, "", "key", tt.command), call(t, "", "key", tt.command)
		if first.err != nil || first.out == second.out || !strings.Contains(first.notes, tt.note) {
			t.Errorf("%s: got %q and %q, %q, %v", tt.command, first.out, second.out, first.notes, first.err)
		}
		config := writeTemp(t, "throng.toml", tt.before+`"`+strings.TrimSpace(first.out)+"\"\n")
		if shown := mustCall(t, "", "config", "show", "--config", config); !strings.Contains(shown, "is set, and hidden") || strings.Contains(shown, strings.TrimSpace(first.out)) {
			t.Errorf("%s: got %s", tt.command, shown)
		}
	}
}

func TestAPairOfKeysIsPrintedOrWritten(t *testing.T) {
	t.Parallel()
	if got := mustCall(t, "", "key", "ed25519"); !strings.Contains(got, "BEGIN PRIVATE KEY") || !strings.Contains(got, "BEGIN PUBLIC KEY") {
		t.Errorf("got %s", got)
	}
	name := filepath.Join(t.TempDir(), "app")
	if got := mustCall(t, "", "key", "ed25519", "--out", name); got != "" {
		t.Errorf("got %s, want nothing", got)
	}
	for file, mode := range map[string]os.FileMode{name + ".key": 0o600, name + ".pub": 0o644} {
		info, err := os.Stat(file)
		if err != nil || info.Mode().Perm()&^mode != 0 {
			t.Errorf("%s: got %v, %v, want %v", file, info.Mode(), err, mode)
		}
	}
	if c := call(t, "", "key", "rsa", "--bits", "1024"); c.code() != exitUsage || !strings.Contains(c.err.Error(), "bits = 1024: must be 2048 to 8192") {
		t.Errorf("got %v", c.err)
	}
}
