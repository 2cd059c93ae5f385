//go:build linux

package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
)

// hanging returns the URL of an application that responds only to the honest client's requests.
var hanging = sync.OnceValue(func() string {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the server has closed the request
		}
		if bytes.Contains(body, []byte("hang")) {
			<-r.Context().Done()
			return
		}
		io.WriteString(w, `{"result":{}}`)
	})).URL
})
