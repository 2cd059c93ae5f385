package session

import (
	"golang.org/x/time/rate"

	"github.com/throng-chat/throng/server/logqueue"
)

// logLimits has a limit for each kind of log line that clients or the application can cause, so that a frequent kind does not hide another.
type logLimits struct {
	noToken      rate.Sometimes // a client without a token, while guests are off
	token        rate.Sometimes // a rejected token
	roomName     rate.Sometimes // a server-side room with an invalid name
	personalRoom rate.Sometimes // a user without a personal room
	tooManyRooms rate.Sometimes // more server-side rooms than max-rooms
	notJoined    rate.Sometimes // a server-side room whose join was rejected
	command      rate.Sometimes // a command of the application that failed after connect
}

func newLogLimits() logLimits {
	return logLimits{
		noToken:      logqueue.EverySecond(),
		token:        logqueue.EverySecond(),
		roomName:     logqueue.EverySecond(),
		personalRoom: logqueue.EverySecond(),
		tooManyRooms: logqueue.EverySecond(),
		notJoined:    logqueue.EverySecond(),
		command:      logqueue.EverySecond(),
	}
}
