package chat

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// startSlowMode returns a moderation with slow rooms, and its clock.
func startSlowMode(t *testing.T, pause time.Duration, rooms ...string) (*Moderation, *time.Time) {
	t.Helper()
	now := time.Now()
	m := newModeration()
	m.Now = func() time.Time { return now }
	for _, room := range rooms {
		if !m.SetSlowMode(room, pause) {
			t.Fatalf("%s: SetSlowMode failed", room)
		}
	}
	return m, &now
}

func publishes(m *Moderation, user, room string) bool {
	_, ok := m.AllowInSlowMode(Publisher{User: user}, room)
	return ok
}

// The table of publishers is bounded, and a new publisher may always publish: it evicts the publisher with the oldest publication.
func TestAFullSlowModeTableBlocksNoPublisher(t *testing.T) {
	t.Parallel()
	m, now := startSlowMode(t, time.Hour, "slow")
	for i := range maxSlowModePublishers + 1000 {
		if !publishes(m, fmt.Sprint(i), "slow") {
			t.Fatalf("publisher %d was rejected", i)
		}
		*now = now.Add(time.Millisecond)
	}
	if waiting, forgot := m.SlowModePublishers(); waiting != maxSlowModePublishers || forgot != 1000 {
		t.Errorf("got %d publishers and %d evicted, want %d and 1000", waiting, forgot, maxSlowModePublishers)
	}
	if publishes(m, fmt.Sprint(1000+1), "slow") {
		t.Error("a publisher in the table was allowed")
	}
	if !publishes(m, "0", "slow") {
		t.Error("an evicted publisher was rejected")
	}
	*now = now.Add(2 * time.Hour)
	if m.expireLocked(); m.slowMode.rooms["slow"] != nil {
		t.Error("publishers whose interval has ended are in the table")
	}
}

// A slow room does not use the share of another, and all rooms together keep the limit.
func TestEachSlowRoomHasItsShare(t *testing.T) {
	t.Parallel()
	m, _ := startSlowMode(t, time.Hour, "busy", "quiet")
	if !publishes(m, "ann", "quiet") {
		t.Fatal("the first publisher was rejected")
	}
	for i := range maxSlowModePublishers {
		publishes(m, fmt.Sprint(i), "busy")
	}
	if publishes(m, "ann", "quiet") {
		t.Error("the busy room evicted a publisher of the quiet one")
	}
	if got := m.slowMode.rooms["busy"].Count; got != maxSlowModePublishers/2 {
		t.Errorf("got %d publishers in one of two rooms, want %d", got, maxSlowModePublishers/2)
	}
	m.SetSlowMode("third", time.Hour)
	if got := m.slowMode.rooms["busy"].Count; got != maxSlowModePublishers/3 {
		t.Errorf("got %d publishers in one of three rooms, want %d", got, maxSlowModePublishers/3)
	}
	m.SetSlowMode("busy", 0)
	if waiting, _ := m.SlowModePublishers(); waiting != 1 {
		t.Errorf("got %d publishers after the end of the slow mode, want ann", waiting)
	}
}

// A publication drops publishers whose interval has ended, without a search.
func TestASlowRoomExpiresEntriesGradually(t *testing.T) {
	t.Parallel()
	m, now := startSlowMode(t, time.Second, "slow")
	for i := range 100_000 {
		publishes(m, fmt.Sprint(i), "slow")
		*now = now.Add(time.Millisecond)
	}
	if got := m.slowMode.rooms["slow"].Count; got > 1001 {
		t.Errorf("got %d publishers, want those of the last second", got)
	}
}

func TestARejectedPublicationStartsNoSlowModeWait(t *testing.T) {
	m, now := startSlowMode(t, time.Hour, "slow")
	for _, who := range []Publisher{{User: "ann"}, {User: guestPrefix + "x", Address: netip.MustParseAddr("10.0.0.1")}, {Address: netip.MustParseAddr("10.0.0.1")}} {
		for range 20 {
			count, ok := m.AllowInSlowMode(who, "slow")
			if !ok {
				t.Fatalf("%v was rejected after an undone publication", who)
			}
			m.UndoSlowMode(count)
		}
		count, _ := m.AllowInSlowMode(who, "slow")
		if _, ok := m.AllowInSlowMode(who, "slow"); ok {
			t.Errorf("%v was allowed twice", who)
		}
		*now = now.Add(time.Hour)
		m.AllowInSlowMode(who, "slow")
		m.UndoSlowMode(count) // the count of an hour ago, and not the current one
		if _, ok := m.AllowInSlowMode(who, "slow"); ok {
			t.Errorf("%v: UndoSlowMode undid a later count", who)
		}
		*now = now.Add(time.Hour)
	}
	m.UndoSlowMode(nil)
}

// A guest can become a new user at any time, so the guests at one address share a number of publications.
func TestGuestsOfOneAddressShareSlowMode(t *testing.T) {
	m, now := startSlowMode(t, time.Hour, "slow")
	at := func(address string, guest int) bool {
		_, ok := m.AllowInSlowMode(Publisher{User: fmt.Sprint(guestPrefix, guest), Address: netip.MustParseAddr(address)}, "slow")
		return ok
	}
	for range 2 {
		for i := range 2 * guestPublications {
			if got, want := at("10.0.0.1", i), i < guestPublications; got != want {
				t.Errorf("guest %d of an address: got %v, want %v", i, got, want)
			}
		}
		if !at("10.0.0.2", 99) || at("10.0.0.2", 99) {
			t.Error("a guest of another address: want it to publish once")
		}
		*now = now.Add(time.Hour)
	}
}
