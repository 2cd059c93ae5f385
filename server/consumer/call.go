package consumer

import (
	"context"
	"encoding/json"
	"fmt"
)

// Call calls a method of the server API. The rejection is nil if the call was accepted, which means stored in a durable room. It ends soon after ctx.
type Call func(ctx context.Context, method string, payload []byte) (result json.RawMessage, no *Rejection)

// Rejection is the error of a call.
type Rejection struct {
	Code      uint32
	Text      string
	Temporary bool // the same call may be accepted later
}

// broadcastResult is the part of the result of a broadcast that tells rejections.
type broadcastResult struct {
	Responses []struct {
		Error *struct {
			Code      uint32 `json:"code"`
			Message   string `json:"message"`
			Temporary bool   `json:"temporary"`
		} `json:"error"`
	} `json:"responses"`
}

// ofRooms returns the rejection of a broadcast by some of its rooms: a temporary one if there is one, because a repetition reaches that room only.
func ofRooms(result json.RawMessage) *Rejection {
	var rooms broadcastResult
	if err := json.Unmarshal(result, &rooms); err != nil {
		return &Rejection{Text: "result of the broadcast: " + err.Error()}
	}
	var no *Rejection
	rejected := 0
	for _, r := range rooms.Responses {
		if r.Error == nil {
			continue
		}
		rejected++
		if no == nil || r.Error.Temporary && !no.Temporary {
			no = &Rejection{Code: r.Error.Code, Text: r.Error.Message, Temporary: r.Error.Temporary}
		}
	}
	if no != nil {
		no.Text = fmt.Sprintf("%d of %d rooms: %s", rejected, len(rooms.Responses), no.Text)
	}
	return no
}
