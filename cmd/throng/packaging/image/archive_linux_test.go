package main

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/throng-chat/throng/cmd/throng/packaging/binary"
)

const testEpoch = 1_700_000_000

func TestMain(m *testing.M) { binary.Main(m) }

// newArchive writes an archive with images for this machine and for another one.
func newArchive(t *testing.T) string {
	t.Helper()
	throng, err := binary.Throng()
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "throng")
	if err := os.WriteFile(other, []byte("a binary of another machine"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SOURCE_DATE_EPOCH", fmt.Sprint(testEpoch))
	out := filepath.Join(t.TempDir(), "image.tar")
	err = run([]string{
		"--version", "1.2.3", "--commit", "abc", "--license", "../../../../LICENSE", "--out", out, runtime.GOARCH + "=" + throng, otherArch() + "=" + other,
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func otherArch() string {
	if runtime.GOARCH == "arm64" {
		return "amd64"
	}
	return "arm64"
}

// load reads the archive of the environment, or else a new one, and returns its images by architecture.
func load(t *testing.T) map[string]v1.Image {
	t.Helper()
	archive := os.Getenv("IMAGE_ARCHIVE")
	if archive == "" {
		archive = newArchive(t)
	}
	dir := t.TempDir()
	file, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unpack(t, dir, file)
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	top, err := index.IndexManifest()
	if err != nil || len(top.Manifests) != 1 || !top.Manifests[0].MediaType.IsIndex() {
		t.Fatalf("got %+v, %v, want one index of images", top, err)
	}
	inner, err := index.ImageIndex(top.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(inner); err != nil { // digests, sizes, layers
		t.Fatal(err)
	}
	list, err := inner.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	images := map[string]v1.Image{}
	for _, m := range list.Manifests {
		if images[m.Platform.Architecture], err = inner.Image(m.Digest); err != nil {
			t.Fatal(err)
		}
	}
	return images
}

// unpack writes the files of a tar below dir, with their owners if this is root.
func unpack(t *testing.T, dir string, from io.Reader) {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for r := tar.NewReader(from); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(h.Name, "/")
		if h.Typeflag == tar.TypeDir {
			err = root.MkdirAll(name, 0o755)
		} else {
			var content []byte
			if content, err = io.ReadAll(r); err == nil {
				err = root.MkdirAll(filepath.Dir(name), 0o755) // the upper layers are first
			}
			if err == nil {
				err = root.WriteFile(name, content, 0o644)
			}
		}
		if err == nil {
			err = root.Chmod(name, h.FileInfo().Mode().Perm()|h.FileInfo().Mode()&fs.ModeSticky)
		}
		if err == nil && os.Getuid() == 0 {
			err = root.Chown(name, h.Uid, h.Gid)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
