package main

import "fmt"

// version is set by the build: -ldflags "-X main.version=1.2.3".
var version = "0.1.0"

// versionCmd is throng version.
type versionCmd struct{}

func (versionCmd) Run() error {
	_, err := fmt.Println("throng", version)
	return err
}
