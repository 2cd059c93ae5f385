package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"
)

// tokenCmd is the commands for tokens of clients.
type tokenCmd struct {
	Make    tokenMakeCmd    `cmd:"" help:"Print a token that the server accepts."`
	Inspect tokenInspectCmd `cmd:"" help:"Print the contents of a token as JSON. The signature is not checked."`
	Check   tokenCheckCmd   `cmd:"" help:"Say what the server would reply to a token, and why."`
}

// maxTokenFile is the limit of a file with a token, in bytes: more than the server accepts, so that the error is about the token.
const maxTokenFile = 16 << 10

// tokenFlags is a token that a user has: a connection token, unless the command says otherwise.
type tokenFlags struct {
	Token     string `env:"THRONG_TOKEN" placeholder:"TOKEN" help:"Token. All users of this machine can see flags: prefer the variable or --token-file."`
	TokenFile string `type:"path" placeholder:"FILE" help:"File with the token; - for standard input."`
}

// read returns the token, or "" if there is none.
func (tkf *tokenFlags) read(in io.Reader) (string, error) {
	switch {
	case tkf.TokenFile == "":
		return tkf.Token, nil
	case tkf.TokenFile == "-":
		text, err := io.ReadAll(io.LimitReader(in, maxTokenFile))
		if err != nil {
			return "", fmt.Errorf("read the token: %w", err)
		}
		return strings.TrimSpace(string(text)), nil
	}
	text, err := readAtMost(tkf.TokenFile, maxTokenFile)
	if err != nil {
		return "", &exitError{code: exitUsage, err: fmt.Errorf("token-file: %w", err)}
	}
	return strings.TrimSpace(string(text)), nil
}

// oneToken is a token as the argument of a command, or from one of the other sources.
type oneToken struct {
	Text string `arg:"" optional:"" name:"token" help:"The token. Without it: THRONG_TOKEN, --token-file or standard input."`
	tokenFlags
}

func (ot *oneToken) read(in io.Reader) (string, error) {
	from := ot.tokenFlags
	from.Token = cmp.Or(ot.Text, from.Token)
	if from.Token == "" && from.TokenFile == "" {
		from.TokenFile = "-"
	}
	text, err := from.read(in)
	if err == nil && text == "" {
		err = &exitError{code: exitUsage, err: errors.New("token: missing: give it as the argument, in THRONG_TOKEN, by --token-file, or on standard input")}
	}
	return text, err
}
