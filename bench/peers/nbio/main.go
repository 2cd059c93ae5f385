// Peer nbio: a broadcast server written with github.com/lesismal/nbio, its HTTP engine and its upgrader: throng's event loop without
// throng's own code. Each message is encoded and written for each connection separately.
package main

import (
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/lesismal/llib/std/crypto/tls"
	"github.com/lesismal/nbio/logging"
	"github.com/lesismal/nbio/nbhttp"
	"github.com/lesismal/nbio/nbhttp/websocket"
)

type room struct {
	mu    sync.RWMutex
	conns map[*websocket.Conn]struct{}
}

func (r *room) join(c *websocket.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conns[c] = struct{}{}
}

func (r *room) leave(c *websocket.Conn, _ error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, c)
}

func (r *room) publish(_ *websocket.Conn, kind websocket.MessageType, data []byte) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for c := range r.conns {
		// leave handles the end of a connection.
		if err := c.WriteMessage(kind, data); err != nil {
			continue
		}
	}
}

func main() {
	listen := flag.String("listen", "127.0.0.1:3300", "host:port")
	cert, key := flag.String("tls-cert", "", "certificate (PEM); empty for no TLS"), flag.String("tls-key", "", "its private key (PEM)")
	flag.Parse()
	logging.SetLevel(logging.LevelNone)
	r := &room{conns: map[*websocket.Conn]struct{}{}}
	upgrader := websocket.NewUpgrader()
	upgrader.KeepaliveTime = 2 * time.Minute
	upgrader.OnOpen(r.join)
	upgrader.OnMessage(r.publish)
	upgrader.OnClose(r.leave)
	mux := http.NewServeMux()
	mux.HandleFunc("/ws", func(w http.ResponseWriter, q *http.Request) {
		// The upgrader has answered a rejected request.
		_, _ = upgrader.Upgrade(w, q, nil)
	})
	config := nbhttp.Config{Network: "tcp", Handler: mux, IOMod: nbhttp.IOModNonBlocking, ReleaseWebsocketPayload: true}
	if *cert == "" {
		config.Addrs = []string{*listen}
	} else {
		pair, err := tls.LoadX509KeyPair(*cert, *key)
		if err != nil {
			log.Fatal(err)
		}
		config.AddrsTLS, config.TLSConfig = []string{*listen}, &tls.Config{Certificates: []tls.Certificate{pair}}
	}
	engine := nbhttp.NewEngine(config)
	if err := engine.Start(); err != nil {
		log.Fatal(err)
	}
	fmt.Println("ready")
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	<-stop
	engine.Stop()
}
