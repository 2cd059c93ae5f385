package agent

import (
	"math/rand/v2"
	"strings"
)

// filler is the text of messages after their stamps. The receiver knows it, so it finds any altered byte.
//
// Compression needs a text that is as various as that of a chat. A text that repeats itself would compress to almost nothing, and so would
// messages that are equal but for their stamps behind each other. So with compression, each message has another part of a long text of words.
type filler struct {
	text string
	size int  // bytes of one message
	many bool // the parts differ
}

const longText = 256 << 10 // bytes: a message is found again by a window of 32 KiB only if two parts overlap

// words are frequent ones of chats. The first ones are said most often.
const words = "i you the to a it and that is of in what we for so have on do be not with this but me my can just if like are no was all ok at get one " +
	"know up there go out about they now how your yes time good think see lol will here want some when then as would thanks right back more from make " +
	"really need work who well sure too today still going got why only over let even did people again where thing could sorry wait after any other " +
	"should way something much maybe new first tomorrow hello great before said tell server game played channel message update link morning night"

func newFiller(size int, many bool) filler {
	if !many {
		const text = "the quick brown fox jumps over the lazy dog, and the room hears of it. "
		return filler{text: strings.Repeat(text, size/len(text)+1)[:size], size: size}
	}
	list, random := strings.Fields(words), rand.New(rand.NewPCG(7, 692))
	var b strings.Builder
	for b.Len() < longText+size {
		r := random.Float64()
		b.WriteString(list[int(r*r*float64(len(list)))])
		b.WriteByte(" .,!? "[min(random.IntN(40), 5)])
	}
	return filler{text: b.String(), size: size, many: true}
}

// of returns the text of a message.
func (fi *filler) of(publisher, seq uint32) string {
	if !fi.many {
		return fi.text
	}
	at := scramble(uint64(publisher)<<32|uint64(seq)) % longText
	return fi.text[at : at+uint64(fi.size)]
}
