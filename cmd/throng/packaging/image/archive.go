package main

import (
	"archive/tar"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// platformImage is the image of one architecture.
type platformImage struct {
	arch string
	v1.Image
}

// archive writes an OCI layout as a tar. Its index has one entry, the index of the images, with the tag as its name. A manifest.json beside it
// lists the images for Docker without the image store of containerd.
func (r *release) archive(out string, images []platformImage) error {
	dir, err := os.MkdirTemp("", "throng-image-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, img := range images {
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: img.Image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: img.arch}},
		})
	}
	top, err := layout.Write(dir, mutate.IndexMediaType(empty.Index, types.OCIImageIndex))
	if err != nil {
		return err
	}
	if err := top.AppendIndex(index, layout.WithAnnotations(map[string]string{
		"org.opencontainers.image.ref.name": r.version,             // skopeo and podman
		"io.containerd.image.name":          "throng:" + r.version, // containerd and Docker
	})); err != nil {
		return err
	}
	if err := r.forDocker(filepath.Join(dir, "manifest.json"), images); err != nil {
		return err
	}
	return pack(out, dir, r.created)
}

// dockerImage is an entry of manifest.json in the archives of docker save.
type dockerImage struct {
	Config   string
	RepoTags []string
	Layers   []string
}

func (r *release) forDocker(file string, images []platformImage) error {
	blob := func(hash v1.Hash) string { return "blobs/" + hash.Algorithm + "/" + hash.Hex }
	var list []dockerImage
	for _, img := range images {
		manifest, err := img.Manifest()
		if err != nil {
			return err
		}
		entry := dockerImage{Config: blob(manifest.Config.Digest), RepoTags: []string{"throng:" + r.version + "-" + img.arch}}
		for _, layer := range manifest.Layers {
			entry.Layers = append(entry.Layers, blob(layer.Digest))
		}
		list = append(list, entry)
	}
	text, err := json.Marshal(list)
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o644)
}

// pack writes the files of a directory into a tar, in the order of their names.
func pack(out, dir string, modified time.Time) error {
	file, err := os.Create(out)
	if err != nil {
		return err
	}
	defer file.Close()
	w := tar.NewWriter(file)
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o755, ModTime: modified, Format: tar.FormatPAX})
		}
		return add(w, name, path, modified)
	})
	if err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return file.Close()
}

func add(w *tar.Writer, name, path string, modified time.Time) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: info.Size(), ModTime: modified, Format: tar.FormatPAX}); err != nil {
		return err
	}
	_, err = io.Copy(w, file)
	return err
}
