package durability

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// Command is what the commands that break servers share: their flags, and the run of the kinds of faults.
type Command struct {
	only, binary *string
	seed         *uint64
	keep         *bool
}

// NewCommand defines the flags. Call it before flag.Parse.
func NewCommand() *Command {
	return &Command{
		only:   flag.String("run", "", "run the kinds whose name matches this regular expression"),
		binary: flag.String("throng", "", "the binary to test; built from this checkout without it"),
		seed:   flag.Uint64("seed", uint64(time.Now().UnixNano()), "decides the moments of the faults"),
		keep:   flag.Bool("keep", false, "keep the files of each run"),
	}
}

// Run prints a header, and calls run for each kind whose name matches, until a signal ends the command. run prints a line, and reports whether
// the promises were kept. The files are in a new directory, which is removed if all of them were, unless -keep is set.
func (cm *Command) Run(header string, kinds []string, run func(ctx context.Context, kind int, dir, binary string, seed uint64) (kept bool)) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	match, err := regexp.Compile(*cm.only)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "torture")
	if err != nil {
		return err
	}
	binary := *cm.binary
	if binary == "" {
		if binary, err = Build(ctx, dir); err != nil {
			return err
		}
	}
	fmt.Printf("seed %d, files in %s\n%s\n", *cm.seed, dir, header)
	var failed []string
	for i, name := range kinds {
		if match.MatchString(name) && !run(ctx, i, dir, binary, *cm.seed) {
			failed = append(failed, name)
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("broken by %s: the files are in %s", strings.Join(failed, ", "), dir)
	}
	if *cm.keep {
		return nil
	}
	return os.RemoveAll(dir)
}

// Build builds throng from this checkout into a directory, and returns the path of the binary.
func Build(ctx context.Context, dir string) (binary string, err error) {
	binary = filepath.Join(dir, "throng")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/throng")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return "", fmt.Errorf("build throng: %w", err)
	}
	return binary, nil
}
