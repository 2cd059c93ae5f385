package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// secret signs tokens and webhooks, and is the key of the server API. Only servers that this program starts use it.
const secret = "0123456789abcdef0123456789abcdef"

// startBackend runs throng as a chat backend, with tokens, the server API, and the given addition to the config file.
func startBackend(more string) (*server, error) {
	dir, err := os.MkdirTemp("", "figures")
	if err != nil {
		return nil, err
	}
	// The server reads the file at its start only.
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "throng.toml")
	// With a token key, plain clients may join only a room that a pattern opens.
	text := fmt.Sprintf("[token]\nhmac-secret = %q\n[api]\nkey = %q\n%s[[room]]\npattern = \"*\"\n", secret, secret, more)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return nil, err
	}
	return start("throng", "--config", path)
}

// callAPI calls a method of the server API. An error of a command in a batch is an error of the call.
func callAPI(method string, params any) error {
	body, err := json.Marshal(params)
	if err != nil {
		return err
	}
	request, err := http.NewRequest(http.MethodPost, "http://"+address+"/api/"+method, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("X-API-Key", secret)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return err
	case response.StatusCode != http.StatusOK, bytes.Contains(text, []byte(`"error"`)):
		return fmt.Errorf("%s: %s: %s", method, response.Status, text)
	}
	return nil
}

// metrics returns the metrics of the running server.
func metrics() (map[string]float64, error) {
	response, err := http.Get("http://" + admin + "/metrics")
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	return parseMetrics(response.Body)
}

// parseMetrics parses the text format of Prometheus: values by name and labels.
func parseMetrics(r io.Reader) (map[string]float64, error) {
	values := map[string]float64{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "#") {
			continue
		}
		cut := strings.LastIndexByte(line, ' ')
		if cut < 0 {
			return nil, fmt.Errorf("metrics: %q is not a name and a value", line)
		}
		value, err := strconv.ParseFloat(line[cut+1:], 64)
		if err != nil {
			return nil, fmt.Errorf("metrics: %w", err)
		}
		values[line[:cut]] = value
	}
	return values, lines.Err()
}

// bucketQuantile returns the upper bound, in milliseconds, of the histogram bucket with the quantile q.
func bucketQuantile(m map[string]float64, histogram string, q float64) float64 {
	bound := math.Inf(1)
	for name, count := range m {
		rest, is := strings.CutPrefix(name, histogram+`_bucket{le="`)
		le, err := strconv.ParseFloat(strings.TrimSuffix(rest, `"}`), 64)
		if is && err == nil && count >= q*m[histogram+"_count"] {
			bound = min(bound, le)
		}
	}
	return bound * 1e3
}

// within waits until ok returns true, or fails after limit.
func within(limit time.Duration, what string, ok func() bool) error {
	for deadline := time.Now().Add(limit); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			return errors.New("timeout: waited for " + what)
		}
	}
	return nil
}

// dialsAtOnce is the number of concurrent dials, below the length of a server's accept queue.
const dialsAtOnce = 64

// inParallel calls f for 0 to n-1, atOnce calls at a time. It stops at the first error and returns it.
func inParallel(n, atOnce int, f func(int) error) error {
	var next atomic.Int64
	var failed error
	var once sync.Once
	var all sync.WaitGroup
	for range min(n, atOnce) {
		all.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := f(i); err != nil {
					once.Do(func() { failed = err })
					next.Store(int64(n))
					return
				}
			}
		})
	}
	all.Wait()
	return failed
}
