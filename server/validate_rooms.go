package server

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/session"
)

// checkRoomAccess checks the characters that give a room name a meaning.
func (c *Config) checkRoomAccess(ce *configErrors) {
	if !validMark(c.UserRooms) {
		ce.add("user-rooms", c.UserRooms, markRule)
	}
	if !validMark(c.PrivateRooms) {
		ce.add("private-rooms", c.PrivateRooms, markRule)
	}
	if c.UserRooms != "" && c.UserRooms == c.PrivateRooms {
		ce.add("private-rooms", c.PrivateRooms, "must differ from user-rooms")
	}
	if c.PersonalRooms && c.UserRooms == "" {
		ce.add("personal-rooms", true, "needs a character in user-rooms, such as \"#\": it begins the name of a personal room")
	}
}

const markRule = `must be one ASCII punctuation character other than "," and "*", such as "#" or "$"; or "" for no such rooms`

// validMark reports whether s may be user-rooms or private-rooms.
func validMark(s string) bool {
	return s == "" || len(s) == 1 && strings.ContainsAny(s, "!\"#$%&'()+-./:;<=>?@[\\]^_`{|}~")
}

func (c *Config) roomErrors() []error {
	if len(c.Rooms) > maxPatterns {
		ce := configErrors{table: "room.", title: "room: ", index: maxPatterns}
		ce.add("pattern", nil, "%d patterns: at most %d are allowed", len(c.Rooms), maxPatterns)
		return ce.errs
	}
	var errs []error
	for i := range c.Rooms {
		o := &c.Rooms[i]
		ce := configErrors{table: "room.", title: fmt.Sprintf("room %q: ", o.Pattern), index: i}
		checkRoomOptions(o, &ce)
		for _, earlier := range c.Rooms[:i] {
			if o.Pattern != "" && earlier.Pattern != "" && earlier.Matches(o.Pattern) {
				ce.add("pattern", o.Pattern, "is never used: the earlier room %q matches the same names. Put the narrower pattern first, or remove one", earlier.Pattern)
				break
			}
		}
		if o.MaxMessage > c.MaxMessage {
			ce.add("max-message", o.MaxMessage, "must be at most the max-message of the server (%d), or 0 for the same", c.MaxMessage)
		}
		if o.PublishProxy && (!c.Webhooks.On() || !slices.Contains(c.Webhooks.Events, session.OnPublish)) {
			ce.add("publish-proxy", true, `needs webhooks.url, and "publish" in webhooks.events`)
		}
		if o.Durable && !c.storesData() {
			ce.add("durable", true, `needs a data directory: set data = "DIR", or --data DIR`)
		}
		errs = append(errs, ce.errs...)
	}
	return errs
}

// checkRoomOptions checks the options of one room, without the settings of the server.
func checkRoomOptions(o *chat.RoomOptions, ce *configErrors) {
	if !chat.ValidPattern(o.Pattern) {
		ce.add("pattern", o.Pattern, "must be a room name, or the beginning of room names and a star, such as \"chat:*\"; at most %d bytes", chat.MaxRoomName)
	}
	ce.addRanges(o)
	if o.JoinLeave && !o.Presence {
		ce.add("join-leave", true, "needs presence = true")
	}
	switch {
	case o.HistorySize != 0 && o.HistoryTTL == 0:
		ce.add("history-size", o.HistorySize, `needs history-ttl, the time to keep a publication: 1s to %v, such as history-ttl = "24h"`, chat.MaxHistoryTTL)
	case o.HistorySize != 0 && (o.HistoryTTL < time.Second || o.HistoryTTL > chat.MaxHistoryTTL):
		ce.add("history-ttl", o.HistoryTTL, "must be 1s to %v", chat.MaxHistoryTTL)
	case o.HistorySize == 0 && o.HistoryTTL != 0:
		ce.add("history-ttl", o.HistoryTTL, "needs history-size above 0")
	}
	switch {
	case o.Durable && o.HistorySize == 0:
		ce.add("durable", true, "needs history-size above 0")
	case o.Durable && o.MaxMessage > chat.MaxDurableMessage:
		ce.add("max-message", o.MaxMessage, "must be at most %d in a durable room", chat.MaxDurableMessage)
	}
	if o.IsChat() && o.HistorySize == 0 {
		ce.add("kind", o.Kind, "needs history-size above 0: the number of messages that the room holds")
	}
	checkTextRules(o, ce)
	if o.Receipts && !o.IsChat() {
		ce.add("receipts", true, `needs kind = "chat"`)
	}
	if o.HistorySize == 0 && o.Recovery {
		ce.add("recovery", true, "needs history-size above 0")
	}
	if o.HistorySize == 0 && o.Positioning {
		ce.add("positioning", true, "needs history-size above 0")
	}
	if o.HistorySize == 0 && o.Rewind != 0 {
		ce.add("rewind", o.Rewind, "needs history-size above 0")
	}
}

// checkTextRules checks the rules for the text of messages.
func checkTextRules(o *chat.RoomOptions, ce *configErrors) {
	const chats = `needs kind = "chat"`
	switch {
	case o.WordList == "":
	case !o.IsChat():
		ce.add("word-list", o.WordList, chats)
	case o.Words == nil:
		ce.add("word-list", o.WordList, "was not read")
	}
	if o.LinksAfter != 0 && !o.IsChat() {
		ce.add("links-after", o.LinksAfter, chats)
	}
	switch {
	case o.RepeatLimit != 0 && !o.IsChat():
		ce.add("repeat-limit", o.RepeatLimit, chats)
	case o.RepeatWindow < time.Second || o.RepeatWindow > maxRepeatWindow:
		ce.add("repeat-window", o.RepeatWindow, "must be 1s to %v", maxRepeatWindow)
	}
}
