package main

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/throng-chat/throng/server"
)

// A server with the file serves: its settings are valid, and are the defaults but for the two keys.
func TestConfigInitWritesAFileThatServes(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "throng.toml")
	if c := call(t, "", "config", "init", path); c.err != nil || c.out != "" || !strings.Contains(c.notes, "throng serve --config "+path) {
		t.Fatalf("got %q, %q, %v", c.out, c.notes, c.err)
	}
	cfg, _, err := (&serverSettings{Config: path}).load()
	if err != nil {
		t.Fatal(err)
	}
	want := server.DefaultConfig()
	want.Token.HMACSecret, want.API.Key = cfg.Token.HMACSecret, cfg.API.Key
	if len(cfg.Token.HMACSecret) != 64 || len(cfg.API.Key) != 64 || cfg.API.Key == cfg.Token.HMACSecret {
		t.Errorf("got the keys %q and %q", cfg.Token.HMACSecret, cfg.API.Key)
	}
	if !reflect.DeepEqual(cfg, want) {
		t.Errorf("got %+v, want %+v", cfg, want)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v, want a file that only its owner reads", info, err)
	}
	if c := call(t, "", "config", "init", path); c.code() != exitUsage || !strings.Contains(c.err.Error(), path+" exists") {
		t.Errorf("the second time: got %v", c.err)
	}
	if got := mustCall(t, "", "config", "init", "-"); !strings.Contains(got, "\n#listen = ") {
		t.Errorf("got %s", got)
	}
}

// What throng config show prints is a config file with the same settings.
func TestConfigShowPrintsTheSettingsInEffect(t *testing.T) {
	t.Parallel()
	path := writeTemp(t, "throng.toml", `rate = 50
origin = ["https://a.example"]
max-message = "32KiB"
[token]
hmac-secret = "`+testSecret+`"
[[room]]
pattern = "chat:*"
history-size = 10
history-ttl = "1h"
`)
	shown := mustCall(t, "", "config", "show", "--config", path)
	for _, want := range []string{
		"rate = 50  # " + path + ":1\n", "max-rooms = 128  # default\n", "# hmac-secret is set, and hidden: " + path + ":5\n", "# hmac-secret-previous is not set\n",
		"\n[[room]]\npattern = 'chat:*'  # " + path + ":7\n", "\n[tls]\n",
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("got %s, want %q in it", shown, want)
		}
	}
	if strings.Contains(shown, testSecret) {
		t.Error("it shows a secret")
	}
	want, _, err := (&serverSettings{Config: path}).load()
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := (&serverSettings{Config: writeTemp(t, "shown.toml", shown)}).load()
	if err != nil {
		t.Fatal(err)
	}
	want.Token.HMACSecret = ""
	wantText, gotText := mustTOML(t, want), mustTOML(t, got)
	if wantText != gotText {
		t.Errorf("got %s, want %s", gotText, wantText)
	}
}

// mustTOML returns the settings as throng config show prints them, without their sources.
func mustTOML(t *testing.T, cfg server.Config) string {
	t.Helper()
	shc := &shownConfig{from: &sources{file: newConfigFile("")}}
	shc.all(&cfg)
	return shc.text.String()
}

func TestConfigShowNamesTheEnvironment(t *testing.T) {
	t.Setenv("THRONG_RATE", "7")
	t.Setenv("THRONG_API_KEY", testSecret)
	t.Setenv("THRONG_BENCH_TOKEN", testSecret) // of another command
	shown := mustCall(t, "", "config", "show", "--config", writeTemp(t, "throng.toml", "rate = 8\n"))
	for _, want := range []string{"rate = 7  # environment THRONG_RATE\n", "# key is set, and hidden: environment THRONG_API_KEY\n"} {
		if !strings.Contains(shown, want) {
			t.Errorf("got %s, want %q in it", shown, want)
		}
	}
}

func TestConfigShowReportsInvalidSettings(t *testing.T) {
	t.Parallel()
	path := writeTemp(t, "throng.toml", "rate = -1\n")
	if c := call(t, "", "config", "show", "--config", path); c.code() != exitUsage || !strings.Contains(c.err.Error(), path+":1:1: rate = -1") {
		t.Errorf("got %v", c.err)
	}
}

// A variable of any command may be set where the server starts.
func TestVariablesOfOtherCommandsAreKnown(t *testing.T) {
	t.Parallel()
	model := newParser(&commands{}).Model
	known := slices.Clone(otherVariables)
	for _, f := range serverFlags(model) {
		known = append(known, f.Envs...)
	}
	if err := kong.Visit(model, func(node kong.Visitable, next kong.Next) error {
		if f, ok := node.(*kong.Flag); ok {
			for _, name := range f.Envs {
				if !slices.Contains(known, name) {
					t.Errorf("%s is missing in otherVariables", name)
				}
			}
		}
		return next(nil)
	}); err != nil {
		t.Fatal(err)
	}
}
