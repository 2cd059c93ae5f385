// Command go works the Go SDK for the scenarios of TLS: go URL TOKEN ROOM json|protobuf. It joins the room, publishes each line of its input,
// and writes a line of JSON for each event. It ends with its input.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"log"
	"os"

	"github.com/centrifugal/centrifuge-go"
)

var events = log.New(os.Stdout, "", 0)

func emit(event map[string]any) {
	line, err := json.Marshal(event)
	if err != nil {
		log.Fatal(err)
	}
	events.Printf("%s", line)
}

func main() {
	url, token, room, encoding := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	open := centrifuge.NewJsonClient
	if encoding == "protobuf" {
		open = centrifuge.NewProtobufClient
	}
	client := open(url, centrifuge.Config{Token: token})
	client.OnConnecting(func(e centrifuge.ConnectingEvent) { emit(map[string]any{"type": "connecting", "code": e.Code}) })
	client.OnDisconnected(func(e centrifuge.DisconnectedEvent) { emit(map[string]any{"type": "disconnected", "code": e.Code}) })
	client.OnError(func(e centrifuge.ErrorEvent) { emit(map[string]any{"type": "error", "message": e.Error.Error()}) })
	sub, err := client.NewSubscription(room)
	if err != nil {
		log.Fatal(err)
	}
	sub.OnSubscribed(func(e centrifuge.SubscribedEvent) {
		emit(map[string]any{"type": "subscribed", "recovered": e.Recovered})
	})
	sub.OnPublication(func(e centrifuge.PublicationEvent) {
		emit(map[string]any{"type": "publication", "data": json.RawMessage(e.Data), "offset": e.Offset})
	})
	if err := sub.Subscribe(); err != nil {
		log.Fatal(err)
	}
	if err := client.Connect(); err != nil {
		log.Fatal(err)
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if _, err := sub.Publish(context.Background(), lines.Bytes()); err != nil {
			log.Fatal(err)
		}
	}
	client.Close()
}
