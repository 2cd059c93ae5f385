package main

import (
	"archive/tar"
	"bytes"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// The image. Its user is a number, so that Kubernetes can check runAsNonRoot.
const (
	repository  = "https://github.com/throng-chat/throng"
	userID      = 65532
	binaryPath  = "usr/bin/throng"
	dataPath    = "var/lib/throng"
	publicPort  = "3000"
	healthEvery = 10 * time.Second
	healthStart = time.Minute // a server with much data reads it before it is ready
)

// image returns the image of one architecture.
func (r *release) image(arch, binary string) (v1.Image, error) {
	system, err := r.layer(system())
	if err != nil {
		return nil, err
	}
	program, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	license, err := os.ReadFile(r.license)
	if err != nil {
		return nil, err
	}
	throng, err := r.layer([]entry{
		{name: binaryPath, mode: 0o755, content: program},
		{name: "usr/share/doc/throng/copyright", mode: 0o644, content: license},
	})
	if err != nil {
		return nil, err
	}
	// The layer that changes least is the first, so that an upgrade loads only the other one.
	img, err := mutate.Append(mutate.MediaType(mutate.ConfigMediaType(empty.Image, types.OCIConfigJSON), types.OCIManifestSchema1),
		r.addendum(system, "certificates and directories"), r.addendum(throng, "throng "+r.version))
	if err != nil {
		return nil, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", arch
	config.Created = v1.Time{Time: r.created}
	config.Config = r.config()
	return mutate.ConfigFile(img, config)
}

func (r *release) addendum(layer v1.Layer, comment string) mutate.Addendum {
	return mutate.Addendum{Layer: layer, MediaType: types.OCILayer, History: v1.History{Created: v1.Time{Time: r.created}, CreatedBy: "packaging/image", Comment: comment}}
}

// config returns how a container runs. A container has its own network, so the public port is that of all addresses; the admin port stays on
// the loopback address of the container.
func (r *release) config() v1.Config {
	return v1.Config{
		User:       fmt.Sprintf("%d:%d", userID, userID),
		Entrypoint: []string{"/" + binaryPath},
		Cmd:        []string{"serve"},
		Env: []string{
			"PATH=/usr/bin",
			"THRONG_LISTEN=:" + publicPort,
			"STATE_DIRECTORY=/" + dataPath, // as in the unit of systemd: data = "auto" finds it
		},
		ExposedPorts: map[string]struct{}{publicPort + "/tcp": {}},
		Volumes:      map[string]struct{}{"/" + dataPath: {}},
		StopSignal:   "SIGTERM",
		Healthcheck: &v1.HealthConfig{
			Test: []string{"CMD", "/" + binaryPath, "health"}, Interval: healthEvery, Timeout: 5 * time.Second, StartPeriod: healthStart, Retries: 3,
		},
		Labels: map[string]string{
			"org.opencontainers.image.title":         "throng",
			"org.opencontainers.image.description":   "WebSocket chat backend and load-test client",
			"org.opencontainers.image.version":       r.version,
			"org.opencontainers.image.revision":      r.commit,
			"org.opencontainers.image.created":       r.created.Format(time.RFC3339),
			"org.opencontainers.image.source":        repository,
			"org.opencontainers.image.documentation": repository + "/blob/main/docs/index.md",
			"org.opencontainers.image.licenses":      "MIT",
		},
	}
}

// entry is a file of a layer, or a directory if its name ends with a slash.
type entry struct {
	name    string
	mode    int64
	owner   int
	content []byte
}

// system returns what throng needs beside itself: certificates of authorities for webhooks and ACME, a name for the user, and directories.
func system() []entry {
	return []entry{
		{name: "etc/", mode: 0o755},
		{name: "etc/group", mode: 0o644, content: fmt.Appendf(nil, "root:x:0:\nthrong:x:%d:\n", userID)},
		{name: "etc/passwd", mode: 0o644, content: fmt.Appendf(nil, "root:x:0:0:root:/:/sbin/nologin\nthrong:x:%d:%d:throng:/%s:/sbin/nologin\n", userID, userID, dataPath)},
		{name: "etc/ssl/", mode: 0o755},
		{name: "etc/ssl/certs/", mode: 0o755},
		{name: "etc/ssl/certs/ca-certificates.crt", mode: 0o644, content: authorities()},
		{name: "etc/throng/", mode: 0o755},
		{name: "tmp/", mode: 0o1777},
		{name: "usr/", mode: 0o755},
		{name: "usr/bin/", mode: 0o755},
		{name: "var/", mode: 0o755},
		{name: "var/lib/", mode: 0o755},
		{name: dataPath + "/", mode: 0o700, owner: userID}, // a new volume gets this owner
	}
}

// authorities returns the certificates that Mozilla trusts, in PEM. Mozilla limits some of them, which PEM cannot: those are left out.
func authorities() []byte {
	var out bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			out.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}))
		}
	}
	return out.Bytes()
}

// layer returns a layer with these entries in their order.
func (r *release) layer(entries []entry) (v1.Layer, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range entries {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: e.name, Mode: e.mode, Uid: e.owner, Gid: e.owner, Size: int64(len(e.content)), ModTime: r.created, Format: tar.FormatPAX}
		if e.name[len(e.name)-1] == '/' {
			header.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := w.Write(e.content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(out.Bytes())), nil }
	return tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer))
}
