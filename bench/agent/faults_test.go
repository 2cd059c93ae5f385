package agent

import (
	"slices"

	"github.com/throng-chat/throng/bench/result"
)

// faultMessages is the number of messages in each of faultCases.
const faultMessages = 40

var everyMessage = upTo(faultMessages)

// swapped returns every message, with the messages i and j exchanged.
func swapped(i, j int) []int {
	list := slices.Clone(everyMessage)
	list[i], list[j] = list[j], list[i]
	return list
}

// faultCases are faults of a server to four members, and how they are counted.
var faultCases = []struct {
	name    string
	streams map[int][]int // by member: the messages it receives; the other members receive all
	want    result.Faults
	least   int // smallest number of Reordered, which depends on the first receiver; 0: exactly want
}{
	{
		name: "no fault",
	},
	{
		name:    "one message is lost on one connection",
		streams: map[int][]int{2: without(everyMessage, 17)},
		want:    result.Faults{Lost: 1},
	},
	{
		name:    "the first message is lost on one connection",
		streams: map[int][]int{2: without(everyMessage, 0)},
		want:    result.Faults{Lost: 1},
	},
	{
		name:    "the last message is lost on one connection",
		streams: map[int][]int{2: without(everyMessage, faultMessages-1)},
		want:    result.Faults{Lost: 1},
	},
	{
		name:    "one message is lost on the connection that receives first",
		streams: map[int][]int{0: without(everyMessage, 17)},
		want:    result.Faults{Lost: 1},
	},
	{
		name:    "the last message is lost on the connection that receives first",
		streams: map[int][]int{0: without(everyMessage, faultMessages-1)},
		want:    result.Faults{Lost: 1},
	},
	{
		name:    "a run of messages is lost on the connection that receives first",
		streams: map[int][]int{0: append(upTo(10), everyMessage[20:]...)},
		want:    result.Faults{Lost: 10},
	},
	{
		name:    "one connection receives nothing",
		streams: map[int][]int{3: {}},
		want:    result.Faults{Lost: faultMessages},
	},
	{
		name:    "one message reaches no member",
		streams: map[int][]int{0: without(everyMessage, 17), 1: without(everyMessage, 17), 2: without(everyMessage, 17), 3: without(everyMessage, 17)},
		want:    result.Faults{Lost: 4},
	},
	{
		name:    "the last message reaches no member",
		streams: map[int][]int{0: upTo(faultMessages - 1), 1: upTo(faultMessages - 1), 2: upTo(faultMessages - 1), 3: upTo(faultMessages - 1)},
		want:    result.Faults{Lost: 4},
	},
	{
		name:    "one message comes twice in a row",
		streams: map[int][]int{1: slices.Insert(slices.Clone(everyMessage), 17, 17)},
		want:    result.Faults{Duplicated: 1},
	},
	{
		name:    "one message comes again much later",
		streams: map[int][]int{1: append(slices.Clone(everyMessage), 3)},
		want:    result.Faults{Duplicated: 1},
	},
	{
		name:    "one message comes twice to the connection that receives first",
		streams: map[int][]int{0: slices.Insert(slices.Clone(everyMessage), 17, 17)},
		want:    result.Faults{Duplicated: 1},
	},
	{
		name:    "everything comes twice",
		streams: map[int][]int{2: append(slices.Clone(everyMessage), everyMessage...)},
		want:    result.Faults{Duplicated: faultMessages},
	},
	{
		name:    "two messages of two publishers are swapped",
		streams: map[int][]int{2: swapped(17, 18)},
		want:    result.Faults{Reordered: 1},
	},
	{
		name:    "two messages of one publisher are swapped",
		streams: map[int][]int{2: swapped(17, 20)},
		want:    result.Faults{Reordered: 3}, // 18 and 19 come after 20, and 17 after them
		least:   2,                           // or 20 comes before 17, and 17 after 19
	},
	{
		name:    "two messages of two publishers are swapped on the connection that receives first",
		streams: map[int][]int{0: swapped(17, 18)},
		want:    result.Faults{Reordered: 1},
	},
	{
		name:    "two messages of one publisher are swapped on the connection that receives first",
		streams: map[int][]int{0: swapped(17, 20)},
		want:    result.Faults{Reordered: 3},
		least:   1,
	},
	{
		name:    "one is lost, another duplicated",
		streams: map[int][]int{2: slices.Insert(without(everyMessage, 5), 20, 3)},
		want:    result.Faults{Lost: 1, Duplicated: 1},
	},
	{
		name:    "two connections lose different messages",
		streams: map[int][]int{0: without(everyMessage, 5), 3: without(everyMessage, 6)},
		want:    result.Faults{Lost: 2},
	},
	{
		name:    "the first receiver lost one, the second another",
		streams: map[int][]int{0: without(everyMessage, 5), 1: without(everyMessage, 9)},
		want:    result.Faults{Lost: 2},
	},
}
