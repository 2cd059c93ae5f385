package main

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed throng.toml
var exampleConfig string

// configInitCmd is the command throng config init.
type configInitCmd struct {
	File string `arg:"" optional:"" type:"path" default:"throng.toml" help:"File to write, which must not exist; - for standard output."`
}

// Run writes the file.
func (ci *configInitCmd) Run(std *streams) error {
	text := newConfig(newHexSecret(), newHexSecret())
	if ci.File == "-" {
		_, err := fmt.Fprint(std.out, text)
		return err
	}
	err := createFile(ci.File, text, 0o600) // it has secrets
	if errors.Is(err, fs.ErrExist) {
		return &exitError{code: exitUsage, err: fmt.Errorf("%s exists: remove it, or name another file: throng config init FILE", ci.File)}
	}
	if err != nil {
		return fmt.Errorf("config file: %w", err)
	}
	return std.note("wrote %s, with a new secret for tokens and a new API key: throng serve --config %[1]s", ci.File)
}

// newConfig returns the example of the config file with keys. All other settings in it are comments, so they have their defaults.
func newConfig(tokenSecret, apiKey string) string {
	text := exampleConfig
	for _, line := range []struct{ comment, setting string }{
		{"\n#[token]\n", "\n[token]\n"},
		{"\n#hmac-secret = \"at least 32 characters from a generator\"   #", fmt.Sprintf("\nhmac-secret = %q #", tokenSecret)},
		{"\n#[api]\n", "\n[api]\n"},
		{"\n#key = \"0123456789abcdef0123456789abcdef\"\n", fmt.Sprintf("\nkey = %q\n", apiKey)},
	} {
		if strings.Count(text, line.comment) != 1 {
			panic("throng.toml: want one line " + line.comment)
		}
		text = strings.Replace(text, line.comment, line.setting, 1)
	}
	return text
}
