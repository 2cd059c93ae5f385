// Command image writes the container image of throng: an OCI archive with one image for each binary. It needs neither a container daemon nor a
// base image. Equal arguments make equal bytes.
//
//	binaries --> image.go: files, user, settings --> archive.go: OCI layout in a tar
package main

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// release is what the images have in common.
type release struct {
	version, commit string
	created         time.Time
	license         string // path of the file
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

// run writes the archive. SOURCE_DATE_EPOCH is the time of everything in it.
func run(args []string) error {
	var r release
	flags := flag.NewFlagSet("image", flag.ContinueOnError)
	flags.StringVar(&r.version, "version", "", "version of throng")
	flags.StringVar(&r.commit, "commit", "", "commit of throng")
	flags.StringVar(&r.license, "license", "LICENSE", "file with the license")
	out := flags.String("out", "", "archive to write")
	if err := flags.Parse(args); err != nil {
		return err
	}
	seconds, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return fmt.Errorf("SOURCE_DATE_EPOCH = %q: must be the seconds of the commit since 1970", os.Getenv("SOURCE_DATE_EPOCH"))
	}
	r.created = time.Unix(seconds, 0).UTC()
	if *out == "" || r.version == "" || flags.NArg() == 0 {
		return fmt.Errorf("usage: image --version V --commit HASH --license FILE --out FILE.tar ARCHITECTURE=BINARY...")
	}
	var images []platformImage
	for _, arg := range flags.Args() {
		arch, binary, ok := strings.Cut(arg, "=")
		if !ok {
			return fmt.Errorf("argument %q: must be ARCHITECTURE=BINARY", arg)
		}
		img, err := r.image(arch, binary)
		if err != nil {
			return err
		}
		images = append(images, platformImage{arch: arch, Image: img})
	}
	return r.archive(*out, images)
}
