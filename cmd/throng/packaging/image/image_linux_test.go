package main

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

func TestTwoArchivesHaveTheSameBytes(t *testing.T) {
	one, err := os.ReadFile(newArchive(t))
	if err != nil {
		t.Fatal(err)
	}
	two, err := os.ReadFile(newArchive(t))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one, two) {
		t.Error("two archives of the same binaries differ")
	}
}

func TestTheImageRunsAsAUserWithoutPrivileges(t *testing.T) {
	images := load(t)
	if got, want := len(images), 2; got != want {
		t.Fatalf("got images of %d architectures, want %d", got, want)
	}
	for _, arch := range []string{"amd64", "arm64"} {
		file, err := images[arch].ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		c := file.Config
		if got, want := fmt.Sprint(file.OS, " ", file.Architecture, " ", c.User, " ", c.Entrypoint, c.Cmd), "linux "+arch+" 65532:65532 [/usr/bin/throng] [serve]"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if c.Healthcheck == nil || !slices.Equal(c.Healthcheck.Test, []string{"CMD", "/usr/bin/throng", "health"}) {
			t.Errorf("%s: got the health check %+v", arch, c.Healthcheck)
		}
		_, port := c.ExposedPorts["3000/tcp"]
		_, admin := c.ExposedPorts["3001/tcp"]
		_, volume := c.Volumes["/var/lib/throng"]
		if !port || admin || !volume {
			t.Errorf("%s: got the ports %v and the volumes %v, want 3000/tcp and /var/lib/throng", arch, c.ExposedPorts, c.Volumes)
		}
		for _, label := range []string{"title", "version", "revision", "created", "source", "licenses"} {
			if c.Labels["org.opencontainers.image."+label] == "" {
				t.Errorf("%s: the label %s is missing", arch, label)
			}
		}
		if file.Created.Time.IsZero() {
			t.Errorf("%s: it has no time, so each tool shows 1970", arch)
		}
	}
}

func TestTheImageHasTheCertificatesOfAuthorities(t *testing.T) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(authorities()) {
		t.Fatal("no certificate was read")
	}
	if got := bytes.Count(authorities(), []byte("BEGIN CERTIFICATE")); got < 80 {
		t.Errorf("got %d authorities, want 80 or more", got)
	}
}

// The container is a root directory, a user and a network of its own. Its command is that of the image.
func TestTheImageServesAndIsHealthy(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: it changes the root directory and the user")
	}
	img := load(t)[runtime.GOARCH]
	file, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) { // the user of the container has to reach its root directory
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	flat := mutate.Extract(img)
	defer flat.Close()
	unpack(t, dir, flat)
	c, err := newContainer(dir, &file.Config)
	if err != nil {
		t.Fatal(err)
	}
	server := c.command(slices.Concat(file.Config.Entrypoint, file.Config.Cmd))
	var log bytes.Buffer
	server.Stderr = &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	var out []byte
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if out, err = c.run(file.Config.Healthcheck.Test[1:]); err == nil {
			break
		}
		select {
		case err := <-ended:
			t.Fatalf("throng ended: %v: %s", err, log.String())
		default:
		}
		if time.Now().After(deadline) {
			server.Process.Kill()
			<-ended
			t.Fatalf("throng health: %v: %s\n%s", err, out, log.String())
		}
	}
	if got, want := string(out), "ready\n"; got != want {
		t.Errorf("throng health: got %q, want %q", got, want)
	}
	if body, err := c.get("127.0.0.1:3000", "/"); err != nil || !strings.HasPrefix(body, "HTTP/1.1 200") {
		t.Errorf("the public port: got %.80q, %v, want 200", body, err)
	}
	server.Process.Signal(syscall.SIGTERM)
	if err := <-ended; err != nil {
		t.Errorf("SIGTERM: %v: %s", err, log.String())
	}
	info, err := os.Stat(filepath.Join(dir, dataPath, "data"))
	if err != nil || ownerOf(info) != userID {
		t.Errorf("the data directory: got %v, %v, want one of user %d", info, err, userID)
	}
	if out, err := c.run([]string{"/usr/bin/throng", "health"}); err == nil {
		t.Errorf("throng health after the end: got %q and exit code 0", out)
	}
}
