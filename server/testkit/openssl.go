package testkit

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// Client is a running s_client of OpenSSL.
type Client struct {
	t     testing.TB
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines *bufio.Reader // of its output
}

// OpenSSL starts s_client with a connection to address, host:port. It skips the test if OpenSSL is not installed. Its output includes standard
// error, on which it reports a KeyUpdate, except with the flag -quiet.
func OpenSSL(t testing.TB, address string, flags ...string) *Client {
	t.Helper()
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	cmd := exec.CommandContext(t.Context(), openssl, append([]string{"s_client", "-connect", address}, flags...)...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, both, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.Close() })
	cmd.Stdout = both
	if !slices.Contains(flags, "-quiet") {
		cmd.Stderr = both
	}
	err = cmd.Start()
	if err = errors.Join(err, both.Close()); err != nil {
		t.Fatal(err)
	}
	return &Client{t: t, cmd: cmd, in: in, lines: bufio.NewReader(out)}
}

// Write writes text to its standard input.
func (c *Client) Write(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.in, text); err != nil {
		c.t.Fatal(err)
	}
}

// Line returns its next line, with the line break.
func (c *Client) Line() (string, error) { return c.lines.ReadString('\n') }

// Await reads lines until one contains want.
func (c *Client) Await(want string) {
	c.t.Helper()
	c.await(want, strings.Contains)
}

// AwaitLine reads lines until one is want, without the white space at its ends.
func (c *Client) AwaitLine(want string) {
	c.t.Helper()
	c.await(want, func(line, want string) bool { return strings.TrimSpace(line) == want })
}

func (c *Client) await(want string, is func(line, want string) bool) {
	c.t.Helper()
	for {
		line, err := c.Line()
		if is(line, want) {
			return
		}
		if err != nil {
			c.t.Fatalf("%q does not come: %v", want, err)
		}
	}
}

// CloseInput closes its standard input.
func (c *Client) CloseInput() {
	c.t.Helper()
	if err := c.in.Close(); err != nil {
		c.t.Fatal(err)
	}
}

// Wait waits for its end. A status other than 0 is an error of the test.
func (c *Client) Wait() {
	c.t.Helper()
	if err := c.cmd.Wait(); err != nil {
		c.t.Errorf("s_client: %v", err)
	}
}
