// Peer coder: a broadcast server written with github.com/coder/websocket, like the chat of its examples: a set of members under a lock, and
// for each a buffered channel and two goroutines, one that reads and one that writes. A slow consumer is closed.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
)

const (
	queue       = 256
	writeWithin = 10 * time.Second
)

type message struct {
	kind websocket.MessageType
	data []byte
}

type member struct {
	messages chan message
	tooSlow  func()
}

type room struct {
	mu      sync.Mutex
	members map[*member]struct{}
}

func (r *room) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	conn, err := websocket.Accept(w, q, nil)
	if err != nil {
		return
	}
	defer conn.CloseNow()
	ctx, cancel := context.WithCancel(q.Context())
	defer cancel()
	m := &member{messages: make(chan message, queue), tooSlow: func() {
		conn.Close(websocket.StatusPolicyViolation, "too slow")
	}}
	r.mu.Lock()
	r.members[m] = struct{}{}
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		delete(r.members, m)
		r.mu.Unlock()
	}()
	go func() {
		defer cancel()
		for {
			kind, data, err := conn.Read(ctx)
			if err != nil {
				return
			}
			r.broadcast(message{kind, data})
		}
	}()
	for {
		select {
		case out := <-m.messages:
			if write(ctx, conn, out) != nil {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

func write(ctx context.Context, conn *websocket.Conn, m message) error {
	ctx, cancel := context.WithTimeout(ctx, writeWithin)
	defer cancel()
	return conn.Write(ctx, m.kind, m.data)
}

func (r *room) broadcast(out message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for m := range r.members {
		select {
		case m.messages <- out:
		default:
			go m.tooSlow()
		}
	}
}

func main() {
	listen := flag.String("listen", "127.0.0.1:3300", "host:port")
	cert, key := flag.String("tls-cert", "", "certificate (PEM); empty for no TLS"), flag.String("tls-key", "", "its private key (PEM)")
	flag.Parse()
	http.Handle("/ws", &room{members: map[*member]struct{}{}})
	ln, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("ready")
	if *cert != "" {
		log.Fatal(http.ServeTLS(ln, nil, *cert, *key))
	}
	log.Fatal(http.Serve(ln, nil))
}
