// Command go is a backend and a client in one: it signs a token, joins a room, publishes by the server API, and prints what it receives.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"github.com/centrifugal/centrifuge-go"
	"github.com/centrifugal/gocent/v3"
	"github.com/golang-jwt/jwt/v5"
)

const room = "news"

// sign returns a connection token for a user.
func sign(user string) (string, error) {
	claims := jwt.MapClaims{"sub": user, "exp": time.Now().Add(10 * time.Minute).Unix()}
	return jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(os.Getenv("THRONG_TOKEN_HMAC_SECRET")))
}

// subscribe joins the room, and returns its publications.
func subscribe(url string) (<-chan string, func(), error) {
	client := centrifuge.NewJsonClient(url, centrifuge.Config{
		GetToken: func(centrifuge.ConnectionTokenEvent) (string, error) { return sign("ann") },
	})
	client.OnError(func(e centrifuge.ErrorEvent) { log.Print(e.Error) })
	sub, err := client.NewSubscription(room)
	if err != nil {
		return nil, nil, err
	}
	received, joined := make(chan string, 100), make(chan error, 1)
	sub.OnPublication(func(e centrifuge.PublicationEvent) { received <- string(e.Data) })
	sub.OnSubscribed(func(centrifuge.SubscribedEvent) {
		select {
		case joined <- nil:
		default: // again, after a reconnect
		}
	})
	if err := sub.Subscribe(); err != nil {
		return nil, nil, err
	}
	if err := client.Connect(); err != nil {
		return nil, nil, err
	}
	select {
	case err = <-joined:
	case <-time.After(30 * time.Second):
		err = fmt.Errorf("room %s: not joined within 30 s", room)
	}
	return received, client.Close, err
}

func run() error {
	throng := os.Getenv("THRONG")
	if throng == "" {
		throng = "http://127.0.0.1:3000"
	}
	received, leave, err := subscribe(strings.Replace(throng, "http", "ws", 1) + "/connection/websocket")
	if err != nil {
		return err
	}
	defer leave()
	api := gocent.New(gocent.Config{Addr: throng + "/api", Key: os.Getenv("THRONG_API_KEY")})
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for _, text := range []string{"one", "two", "three"} {
		result, err := api.Publish(ctx, room, fmt.Appendf(nil, `{"text":%q}`, text))
		if err != nil {
			return err
		}
		select {
		case data := <-received:
			fmt.Println(result.Offset, data)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	stats, err := api.PresenceStats(ctx, room)
	if err != nil {
		return err
	}
	fmt.Println("members:", stats.NumClients)
	return nil
}

func main() {
	log.SetFlags(0)
	if err := run(); err != nil {
		log.Fatal(err)
	}
}
