package charts

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

const composeFile = "../compose.yaml"

func loadCompose(env types.Mapping) (*types.Project, error) {
	details := types.ConfigDetails{WorkingDir: filepath.Dir(composeFile), Environment: env, ConfigFiles: []types.ConfigFile{{Filename: composeFile}}}
	return loader.LoadWithContext(context.Background(), details)
}

// The loader checks the file by the schema of the compose specification.
func TestTheComposeFileRunsTheImage(t *testing.T) {
	env := types.Mapping{"THRONG_TOKEN_HMAC_SECRET": strings.Repeat("s", 32), "THRONG_API_KEY": "0123456789abcdef"}
	project, err := loadCompose(env)
	if err != nil {
		t.Fatal(err)
	}
	s := project.Services["throng"]
	if !s.ReadOnly || s.Privileged || !slices.Equal(s.CapDrop, []string{"ALL"}) {
		t.Errorf("got %+v: want no privileges", s)
	}
	if got, want := []string(s.HealthCheck.Test), []string{"CMD", "/usr/bin/throng", "health"}; !slices.Equal(got, want) {
		t.Errorf("health check: got %q, want %q", got, want)
	}
	if len(s.Ports) != 1 || s.Ports[0].Target != 3000 {
		t.Errorf("got the ports %+v, want 3000: the admin port is not public", s.Ports)
	}
	if len(s.Volumes) != 1 || s.Volumes[0].Target != "/var/lib/throng" || s.Volumes[0].Type != types.VolumeTypeVolume {
		t.Errorf("got the volumes %+v", s.Volumes)
	}
	if got := time.Duration(*s.StopGracePeriod); got < 15*time.Second {
		t.Errorf("stop: got %v, want drain (10 s) and 5 s", got)
	}
	nd := &node{dir: t.TempDir(), env: map[string]string{"THRONG_LISTEN": ":3000"}} // as in the image
	for name, value := range s.Environment {
		nd.env[name] = *value
	}
	if len(s.Configs) != 1 || s.Configs[0].Target != "/etc/throng/throng.toml" {
		t.Fatalf("got the config files %+v", s.Configs)
	}
	nd.config = filepath.Join(nd.dir, "throng.toml")
	if err := os.WriteFile(nd.config, []byte(project.Configs[s.Configs[0].Source].Content), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := nd.command(t.Context(), t, "serve", "--check", "--config", nd.config).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func TestTheComposeFileNeedsItsSecrets(t *testing.T) {
	if _, err := loadCompose(types.Mapping{}); err == nil || !strings.Contains(err.Error(), "set it in .env") {
		t.Errorf("got the error %v, want one for a missing secret", err)
	}
}
