package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

// getAdmin sends GET to the admin port of a server: http://HOST:PORT, https://HOST:PORT or unix:/PATH. It sends the password of THRONG_LIVE_PASSWORD, if that is
// set. The caller closes the body. Another status than 200 is an error.
func getAdmin(ctx context.Context, admin, path string) (*http.Response, error) {
	at, err := adminAddress(admin)
	if err != nil {
		return nil, &exitError{code: exitUsage, err: err}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.url+path, nil)
	if err != nil {
		return nil, &exitError{code: exitUsage, err: fmt.Errorf("admin: %w", err)}
	}
	if password := os.Getenv("THRONG_LIVE_PASSWORD"); password != "" {
		request.SetBasicAuth("throng", password)
	}
	response, err := (&http.Client{Transport: at.transport(nil)}).Do(request)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("%s has not answered in time: its process is stopped, or the machine is overloaded: see its log, or name another admin port with --admin", admin)
	}
	if err != nil {
		return nil, fmt.Errorf("ask the server: %w: start it, or name its admin port with --admin", err)
	}
	if response.StatusCode != http.StatusOK {
		body, err := io.ReadAll(io.LimitReader(response.Body, maxHealthBody))
		return nil, errors.Join(fmt.Errorf("%s%s: %s: %s", admin, path, response.Status, strings.TrimSpace(string(body))), err, response.Body.Close())
	}
	return response, nil
}
