package result

import "fmt"

// Compression is what permessage-deflate did to the messages of the server. It covers the whole run, with the warm-up.
type Compression struct {
	Connections int    `json:"connections"`    // that negotiated it, with those that returned
	Messages    uint64 `json:"messages"`       // data messages received
	Compressed  uint64 `json:"compressed"`     // those of them that were compressed
	Text        uint64 `json:"text_bytes"`     // bytes of the messages
	Payload     uint64 `json:"payload_bytes"`  // the same as they came in their frames
	Windows     int    `json:"client_windows"` // of 32 KiB, that the clients held at the end
}

// Ratio returns the payload as a share of the text, or 0 without messages.
func (co *Compression) Ratio() float64 {
	if co.Text == 0 {
		return 0
	}
	return float64(co.Payload) / float64(co.Text)
}

// Summary returns the figures as a line.
func (co *Compression) Summary() string {
	if co.Connections == 0 {
		return "the server did not accept permessage-deflate on any connection"
	}
	text := fmt.Sprintf("%s with permessage-deflate · %s of %s compressed", Number(co.Connections, "connection"), Thousands(co.Compressed), Number(co.Messages, "message"))
	if co.Messages > 0 {
		text += fmt.Sprintf(" · %.0f B of payload for %.0f B of text each (%.2f)", float64(co.Payload)/float64(co.Messages), float64(co.Text)/float64(co.Messages), co.Ratio())
	}
	if co.Windows > 0 {
		text += fmt.Sprintf(" · context takeover: the clients hold %s of 32 KiB", Number(co.Windows, "window"))
	}
	return text
}
