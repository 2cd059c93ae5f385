// Peer gws: a broadcast server written with github.com/lxzan/gws: an event handler, a map of connections under a lock, and its Broadcaster,
// which encodes a message once.
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"sync"

	"github.com/lxzan/gws"
)

type room struct {
	gws.BuiltinEventHandler
	mu    sync.RWMutex
	conns map[*gws.Conn]struct{}
}

func (r *room) OnOpen(c *gws.Conn) {
	r.mu.Lock()
	r.conns[c] = struct{}{}
	r.mu.Unlock()
}

func (r *room) OnClose(c *gws.Conn, _ error) {
	r.mu.Lock()
	delete(r.conns, c)
	r.mu.Unlock()
}

func (r *room) OnPing(c *gws.Conn, payload []byte) {
	if err := c.WritePong(payload); err != nil {
		log.Println(err)
	}
}

func (r *room) OnMessage(_ *gws.Conn, m *gws.Message) {
	defer m.Close()
	b := gws.NewBroadcaster(m.Opcode, m.Bytes())
	defer b.Close()
	r.mu.RLock()
	defer r.mu.RUnlock()
	for c := range r.conns {
		// OnClose handles the end of a connection.
		if err := b.Broadcast(c); err != nil {
			continue
		}
	}
}

func main() {
	listen := flag.String("listen", "127.0.0.1:3300", "host:port")
	cert, key := flag.String("tls-cert", "", "certificate (PEM); empty for no TLS"), flag.String("tls-key", "", "its private key (PEM)")
	deflate := flag.Bool("deflate", false, "accept permessage-deflate")
	flag.Parse()
	r := &room{conns: map[*gws.Conn]struct{}{}}
	upgrader := gws.NewUpgrader(r, &gws.ServerOption{
		ReadBufferSize: 1024, WriteBufferSize: 1024, PermessageDeflate: gws.PermessageDeflate{Enabled: *deflate, Threshold: 128},
	})
	http.HandleFunc("/ws", func(w http.ResponseWriter, req *http.Request) {
		c, err := upgrader.Upgrade(w, req)
		if err != nil {
			return
		}
		go c.ReadLoop()
	})
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
