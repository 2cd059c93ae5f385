package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
)

// version and commit are set by the build: -ldflags "-X main.version=1.2.3 -X main.commit=HASH".
var (
	version = "0.2.0"
	commit  = ""
)

// versionCmd is throng version.
type versionCmd struct {
	Modules bool `name:"modules" help:"Also print the modules that this binary was built from, with their versions."`
}

func (v versionCmd) Run() error {
	return v.print(os.Stdout, buildInfo())
}

func buildInfo() *debug.BuildInfo {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{GoVersion: runtime.Version()}
	}
	return info
}

// commitOf returns the commit of the build; empty if it is not known.
func commitOf(info *debug.BuildInfo) string {
	of := commit
	for _, s := range info.Settings {
		switch {
		case of == "" && s.Key == "vcs.revision":
			of = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			of += " with changes"
		}
	}
	return of
}

// print writes the version, and what else the build information has.
func (v versionCmd) print(to io.Writer, info *debug.BuildInfo) error {
	of := commitOf(info)
	if of == "" {
		of = "of an unknown commit"
	} else {
		of = "commit " + of
	}
	if _, err := fmt.Fprintf(to, "throng %s\n%s, %s %s/%s\n", version, of, info.GoVersion, runtime.GOOS, runtime.GOARCH); err != nil {
		return err
	}
	if !v.Modules {
		return nil
	}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		if _, err := fmt.Fprintln(to, m.Path, m.Version, m.Sum); err != nil {
			return err
		}
	}
	return nil
}
