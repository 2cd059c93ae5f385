// Peer gorilla: a broadcast server written with github.com/gorilla/websocket: a hub goroutine that owns the set of clients, a buffered
// channel and two goroutines per client, and PreparedMessage, which encodes a message once.
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

const (
	pongWait  = 60 * time.Second
	pingEvery = 54 * time.Second
	queue     = 256
)

type client struct {
	conn *websocket.Conn
	send chan *websocket.PreparedMessage
}

type hub struct {
	join, leave chan *client
	messages    chan *websocket.PreparedMessage
}

func (h *hub) run() {
	clients := map[*client]struct{}{}
	for {
		select {
		case c := <-h.join:
			clients[c] = struct{}{}
		case c := <-h.leave:
			if _, ok := clients[c]; ok {
				delete(clients, c)
				close(c.send)
			}
		case m := <-h.messages:
			for c := range clients {
				select {
				case c.send <- m:
				default:
					delete(clients, c)
					close(c.send)
				}
			}
		}
	}
}

func (c *client) read(h *hub) {
	defer func() {
		h.leave <- c
		c.conn.Close()
	}()
	extend := func(string) error { return c.conn.SetReadDeadline(time.Now().Add(pongWait)) }
	extend("")
	c.conn.SetPongHandler(extend)
	for {
		kind, data, err := c.conn.ReadMessage()
		if err != nil {
			return
		}
		m, err := websocket.NewPreparedMessage(kind, data)
		if err != nil {
			return
		}
		h.messages <- m
	}
}

func (c *client) write() {
	ticker := time.NewTicker(pingEvery)
	defer ticker.Stop()
	defer c.conn.Close()
	for {
		select {
		case m, ok := <-c.send:
			if !ok || c.conn.WritePreparedMessage(m) != nil {
				return
			}
		case <-ticker.C:
			if c.conn.WriteMessage(websocket.PingMessage, nil) != nil {
				return
			}
		}
	}
}

func main() {
	listen := flag.String("listen", "127.0.0.1:3300", "host:port")
	cert, key := flag.String("tls-cert", "", "certificate (PEM); empty for no TLS"), flag.String("tls-key", "", "its private key (PEM)")
	deflate := flag.Bool("deflate", false, "accept permessage-deflate")
	flag.Parse()
	h := &hub{join: make(chan *client), leave: make(chan *client), messages: make(chan *websocket.PreparedMessage)}
	go h.run()
	upgrader := websocket.Upgrader{ReadBufferSize: 1024, WriteBufferSize: 1024, EnableCompression: *deflate}
	http.HandleFunc("/ws", func(w http.ResponseWriter, r *http.Request) {
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		c := &client{conn: conn, send: make(chan *websocket.PreparedMessage, queue)}
		h.join <- c
		go c.write()
		go c.read(h)
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
