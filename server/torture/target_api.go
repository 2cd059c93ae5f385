//go:build linux

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// api calls a method of the server API and returns the response body, cut to limit bytes.
func (t *target) api(method, body string, limit int64) (status int, answer []byte, err error) {
	url := "http://" + t.chat
	if address, secure := strings.CutPrefix(t.chat, tlsScheme); secure {
		url = "https://" + address
	}
	req, err := http.NewRequest(http.MethodPost, url+"/api/"+method, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("X-API-Key", apiKey)
	resp, err := apiClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(resp.Body, limit))
	return resp.StatusCode, answer, err
}

// must calls the API and returns an error also for an error response.
func (t *target) must(method, body string) ([]byte, error) {
	status, answer, err := t.api(method, body, 64<<20)
	if err == nil && (status != http.StatusOK || bytes.HasPrefix(answer, []byte(`{"error"`))) {
		err = fmt.Errorf("API %s: %d %.200s", method, status, answer)
	}
	return answer, err
}

// metric returns the sum of a metric over the series whose labels contain all of want, such as `reason="slow"`.
func (t *target) metric(name string, want ...string) (sum float64, err error) {
	resp, err := http.Get("http://" + t.admin + "/metrics")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	found := false
	lines := bufio.NewScanner(resp.Body)
next:
	for lines.Scan() {
		line := lines.Text()
		rest, is := strings.CutPrefix(line, name)
		if !is || rest[0] != ' ' && rest[0] != '{' {
			continue
		}
		for _, w := range want {
			if !strings.Contains(rest, w) {
				continue next
			}
		}
		v, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
		if err != nil {
			return 0, err
		}
		sum, found = sum+v, true
	}
	if !found {
		return 0, fmt.Errorf("no metric %s %v", name, want)
	}
	return sum, lines.Err()
}
