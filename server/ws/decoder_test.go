package ws

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

var ruleViolations = []struct {
	name  string
	bytes []byte
	want  CloseCode
}{
	{
		name:  "5.2: RSV1 without an extension",
		bytes: head(0xC1, 0, 0),
		want:  CloseProtocolError,
	},
	{
		name:  "5.2: RSV2",
		bytes: head(0xA1, 0, 0),
		want:  CloseProtocolError,
	},
	{
		name:  "5.2: RSV3",
		bytes: head(0x91, 0, 0),
		want:  CloseProtocolError,
	},
	{
		name:  "5.2: RSV1 on a control frame",
		bytes: head(0xC9, 0, 0),
		want:  CloseProtocolError,
	},
	{
		name:  "5.2: RSV1 on a continuation",
		bytes: join(fragment(OpText, "a"), head(0xC0, 0, 0)),
		want:  CloseProtocolError,
	},
	{
		name:  "5.2: opcode 3",
		bytes: head(0x83, 0, 0),
		want:  CloseProtocolError,
	},
	{
		name:  "5.2: opcode 7",
		bytes: head(0x87, 0, 0),
		want:  CloseProtocolError,
	},
	{
		name:  "5.2: opcode B",
		bytes: head(0x8B, 0, 0),
		want:  CloseProtocolError,
	},
	{
		name:  "5.2: opcode F",
		bytes: head(0x8F, 0, 0),
		want:  CloseProtocolError,
	},
	{
		name:  "5.2: opcode 3 inside a message",
		bytes: join(fragment(OpText, "a"), head(0x83, 0, 0)),
		want:  CloseProtocolError,
	},
	{
		name:  "5.2: 125 in two bytes",
		bytes: head(0x81, 2, 125),
		want:  CloseProtocolError,
	},
	{
		name:  "5.2: 65535 in eight bytes",
		bytes: head(0x81, 8, 65535),
		want:  CloseProtocolError,
	},
	{
		name:  "5.2: the highest bit of a length",
		bytes: head(0x82, 8, 1<<63),
		want:  CloseProtocolError,
	},
	{
		name:  "5.1: a frame that is not masked",
		bytes: AppendFrame(nil, OpText, []byte("hello")),
		want:  CloseProtocolError,
	},
	{
		name:  "5.1: a ping that is not masked",
		bytes: AppendFrame(nil, OpPing, nil),
		want:  CloseProtocolError,
	},
	{
		name:  "5.4: a continuation without a message",
		bytes: masked(OpContinuation, "a"),
		want:  CloseProtocolError,
	},
	{
		name:  "5.4: a continuation without a message, to be continued",
		bytes: fragment(OpContinuation, "a"),
		want:  CloseProtocolError,
	},
	{
		name:  "5.4: a continuation after the end of its message",
		bytes: join(fragment(OpText, "a"), masked(OpContinuation, "b"), masked(OpContinuation, "c")),
		want:  CloseProtocolError,
	},
	{
		name:  "5.4: a continuation after a message of one frame",
		bytes: join(masked(OpText, "a"), masked(OpContinuation, "b")),
		want:  CloseProtocolError,
	},
	{
		name:  "5.4: a message inside a message",
		bytes: join(fragment(OpText, "a"), masked(OpText, "b")),
		want:  CloseProtocolError,
	},
	{
		name:  "5.4: a fragment of a second message",
		bytes: join(fragment(OpText, "a"), fragment(OpBinary, "b")),
		want:  CloseProtocolError,
	},
	{
		name:  "5.5: a ping in fragments",
		bytes: fragment(OpPing, "a"),
		want:  CloseProtocolError,
	},
	{
		name:  "5.5: a close in fragments",
		bytes: fragment(OpClose, "\x03\xE8"),
		want:  CloseProtocolError,
	},
	{
		name:  "5.5: a ping over 125 bytes",
		bytes: masked(OpPing, strings.Repeat("p", 126)),
		want:  CloseProtocolError,
	},
	{
		name:  "5.5: a pong of 65536 bytes",
		bytes: masked(OpPong, strings.Repeat("p", 65536)),
		want:  CloseProtocolError,
	},
	{
		name:  "5.5: a ping over 125 bytes inside a message",
		bytes: join(fragment(OpText, "a"), masked(OpPing, strings.Repeat("p", 126))),
		want:  CloseProtocolError,
	},
	{
		name:  "8.1: text that is not UTF-8",
		bytes: masked(OpText, "a\xFFb"),
		want:  CloseInvalidData,
	},
	{
		name:  "8.1: text that ends inside a character",
		bytes: masked(OpText, "a\xE2\x82"),
		want:  CloseInvalidData,
	},
	{
		name:  "8.1: fragments that end inside a character",
		bytes: join(fragment(OpText, "a\xE2"), masked(OpContinuation, "\x82")),
		want:  CloseInvalidData,
	},
	{
		name:  "8.1: an empty last fragment does not complete a character",
		bytes: join(fragment(OpText, "a\xE2"), masked(OpContinuation, "")),
		want:  CloseInvalidData,
	},
	{
		name:  "a message one byte too long",
		bytes: masked(OpBinary, strings.Repeat("x", 301)),
		want:  CloseTooBig,
	},
	{
		name:  "fragments one byte too long together",
		bytes: join(fragment(OpBinary, strings.Repeat("x", 300)), masked(OpContinuation, "y")),
		want:  CloseTooBig,
	},
	{
		name:  "a fragment too many",
		bytes: join(fragment(OpText, "a"), fragment(0, "b"), fragment(0, "c"), fragment(0, "d"), masked(0, "e")),
		want:  ClosePolicy,
	},
	{
		name:  "empty fragments count",
		bytes: join(fragment(OpText, ""), fragment(0, ""), fragment(0, ""), fragment(0, ""), fragment(0, "")),
		want:  ClosePolicy,
	},
	{
		name:  "control frames between do not start the count again",
		bytes: join(fragment(OpText, ""), fragment(0, ""), masked(OpPing, ""), fragment(0, ""), fragment(0, ""), fragment(0, "")),
		want:  ClosePolicy,
	},
	{
		name:  "of two faults the earlier counts: a continuation without a message, and too long",
		bytes: head(0x80, 8, 1<<40),
		want:  CloseProtocolError,
	},
	{
		name:  "of two faults the earlier counts: a continuation without a message, and not masked",
		bytes: []byte{0x80, 0},
		want:  CloseProtocolError,
	},
	{
		name:  "of two faults the earlier counts: a fragment too many, and too long",
		bytes: join(fragment(OpText, ""), fragment(0, ""), fragment(0, ""), fragment(0, ""), head(0x80, 8, 1<<40)),
		want:  ClosePolicy,
	},
	{
		name:  "of two faults the earlier counts: a fragment too many, and not masked",
		bytes: join(fragment(OpText, ""), fragment(0, ""), fragment(0, ""), fragment(0, ""), []byte{0x80, 0}),
		want:  ClosePolicy,
	},
	{
		name:  "of two faults the earlier counts: not UTF-8, and a bad frame behind it",
		bytes: join(fragment(OpText, "\xFF"), head(0xFF, 0, 0)),
		want:  CloseInvalidData,
	},
}

func TestRuleViolations(t *testing.T) {
	for _, tt := range ruleViolations {
		t.Run(tt.name, func(t *testing.T) {
			// A message before it is still received.
			stream := join(masked(OpText, "before"), tt.bytes)
			got := checkEveryCut(t, &small, stream)
			if closeCode(got.err) != tt.want {
				t.Errorf("got %v, want close %d", got, tt.want)
			}
			if len(got.messages) == 0 || got.messages[0] != (received{OpText, "before"}) {
				t.Errorf("got %v, want the message before it", got)
			}
		})
	}
}

var validStreams = []struct {
	name  string
	bytes []byte
	want  []received
}{
	{
		name:  "one message",
		bytes: masked(OpText, "hello"),
		want:  []received{{OpText, "hello"}},
	},
	{
		name:  "messages back to back",
		bytes: join(masked(OpText, "κόσμε"), masked(OpBinary, "\xFF\x00"), masked(OpText, ""), masked(OpText, "🙂")),
		want:  []received{{OpText, "κόσμε"}, {OpBinary, "\xFF\x00"}, {OpText, ""}, {OpText, "🙂"}},
	},
	{
		name:  "a message in fragments",
		bytes: join(fragment(OpText, "he"), fragment(0, "ll"), masked(0, "o")),
		want:  []received{{OpText, "hello"}},
	},
	{
		name:  "a character in fragments",
		bytes: join(fragment(OpText, "\xF0"), fragment(0, "\x9F\x99"), fragment(0, ""), masked(0, "\x82")),
		want:  []received{{OpText, "🙂"}},
	},
	{
		name:  "nothing, in fragments",
		bytes: join(fragment(OpBinary, ""), fragment(0, ""), masked(0, ""), masked(OpText, "next")),
		want:  []received{{OpBinary, ""}, {OpText, "next"}},
	},
	{
		name:  "binary need not be UTF-8",
		bytes: join(fragment(OpBinary, "\xFF"), masked(0, "\xC0"), masked(OpBinary, "\xED\xA0\x80")),
		want:  []received{{OpBinary, "\xFF\xC0"}, {OpBinary, "\xED\xA0\x80"}},
	},
	{
		name: "control frames between fragments",
		bytes: join(fragment(OpText, "he"), masked(OpPing, "1"), fragment(0, "ll"), masked(OpPong, ""), masked(OpPing, "2"),
			masked(0, "o"), masked(OpPing, "3")),
		want: []received{{OpPing, "1"}, {OpPong, ""}, {OpPing, "2"}, {OpText, "hello"}, {OpPing, "3"}},
	},
	{
		name:  "a control frame inside a character",
		bytes: join(fragment(OpText, "\xE2\x82"), masked(OpPing, "\xFF"), masked(0, "\xAC")),
		want:  []received{{OpPing, "\xFF"}, {OpText, "€"}},
	},
	{
		name:  "a close inside a message, and what is behind it",
		bytes: join(fragment(OpText, "a"), masked(OpClose, "\x03\xE8bye"), masked(0, "b")),
		want:  []received{{OpClose, "\x03\xE8bye"}, {OpText, "ab"}},
	},
	{
		name:  "the longest control frame",
		bytes: masked(OpPing, strings.Repeat("p", 125)),
		want:  []received{{OpPing, strings.Repeat("p", 125)}},
	},
	{
		name:  "as many fragments as allowed",
		bytes: join(fragment(OpText, "a"), fragment(0, "b"), fragment(0, "c"), masked(0, "d"), masked(OpText, "e")),
		want:  []received{{OpText, "abcd"}, {OpText, "e"}},
	},
	{
		name:  "as long as allowed, in one frame",
		bytes: join(masked(OpBinary, strings.Repeat("x", 300)), masked(OpBinary, strings.Repeat("y", 300))),
		want:  []received{{OpBinary, strings.Repeat("x", 300)}, {OpBinary, strings.Repeat("y", 300)}},
	},
	{
		name:  "as long as allowed, in fragments",
		bytes: join(fragment(OpText, strings.Repeat("x", 299)), fragment(0, "y"), masked(0, ""), masked(OpText, "z")),
		want:  []received{{OpText, strings.Repeat("x", 299) + "y"}, {OpText, "z"}},
	},
	{
		name:  "the key of each fragment is its own",
		bytes: join(fragment(OpText, "abc"), AppendMaskedFrame(nil, 0, 0x01020304, []byte("defgh"))),
		want:  []received{{OpText, "abcdefgh"}},
	},
}

func TestValidStreams(t *testing.T) {
	for _, tt := range validStreams {
		t.Run(tt.name, func(t *testing.T) {
			got := checkEveryCut(t, &small, tt.bytes)
			if want := (outcome{messages: tt.want}); !reflect.DeepEqual(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

func TestEveryFormOfLength(t *testing.T) {
	for _, n := range lengths {
		for _, op := range []Opcode{OpText, OpBinary} {
			t.Run(fmt.Sprintf("opcode %d, %d bytes", op, n), func(t *testing.T) {
				payload := string(letters(n))
				got := checkEveryCut(t, &wide, join(masked(op, payload), masked(OpPing, "")))
				if want := (outcome{messages: []received{{op, payload}, {OpPing, ""}}}); !reflect.DeepEqual(got, want) {
					t.Errorf("got %v, want %v", got, want)
				}
			})
		}
	}
}

func TestCloseFrames(t *testing.T) {
	for _, tt := range closeTable {
		t.Run(tt.name, func(t *testing.T) {
			got := checkEveryCut(t, &small, masked(OpClose, tt.payload))
			want := []received{{OpClose, tt.payload}}
			if tt.wantErr != 0 {
				want = nil
			}
			if !reflect.DeepEqual(got.messages, want) || closeCode(got.err) != tt.wantErr {
				t.Errorf("got %v, want %v and error %d", got, want, tt.wantErr)
			}
		})
	}
}

func TestControlFramesAreNotHeldToTheMessageLimit(t *testing.T) {
	rules := Rules{MaxMessage: 10, MaxFragments: 1}
	got := checkEveryCut(t, &rules, masked(OpPing, "longer than ten"))
	if want := (outcome{messages: []received{{OpPing, "longer than ten"}}}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestFramesFromAServer(t *testing.T) {
	rules := small
	rules.FromServer = true
	for _, tt := range []struct {
		name  string
		bytes []byte
		want  []received
		err   CloseCode
	}{
		{
			name:  "are not masked",
			bytes: join(AppendFrame(nil, OpText, []byte("hello")), AppendFrame(nil, OpPing, []byte("p")), []byte{0x88, 0}),
			want:  []received{{OpText, "hello"}, {OpPing, "p"}, {OpClose, ""}},
		},
		{
			name:  "come in fragments too",
			bytes: []byte{0x01, 2, 'h', 'e', 0x89, 0, 0x80, 1, 'y'},
			want:  []received{{OpPing, ""}, {OpText, "hey"}},
		},
		{
			name:  "have lengths of two bytes too",
			bytes: AppendFrame(nil, OpBinary, letters(200)),
			want:  []received{{OpBinary, string(letters(200))}},
		},
		{
			name:  "are refused when masked",
			bytes: masked(OpText, "hello"),
			err:   CloseProtocolError,
		},
		{
			name:  "are refused when masked by nothing",
			bytes: AppendMaskedFrame(nil, OpPing, 0, nil),
			err:   CloseProtocolError,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := checkEveryCut(t, &rules, tt.bytes)
			if !reflect.DeepEqual(got.messages, tt.want) || closeCode(got.err) != tt.err {
				t.Errorf("got %v, want %v and error %d", got, tt.want, tt.err)
			}
		})
	}
}

func TestAPeerIsRefusedByTheFirstWrongByte(t *testing.T) {
	for _, tt := range []struct {
		name  string
		good  []byte // is not refused yet
		wrong byte
		want  CloseCode
	}{
		{
			name:  "a reserved bit",
			wrong: 0xC1,
			want:  CloseProtocolError,
		},
		{
			name:  "a continuation without a message",
			wrong: 0x80,
			want:  CloseProtocolError,
		},
		{
			name:  "a message inside a message",
			good:  fragment(OpText, "a"),
			wrong: 0x81,
			want:  CloseProtocolError,
		},
		{
			name:  "a fragment too many",
			good:  join(fragment(OpText, ""), fragment(0, ""), fragment(0, ""), fragment(0, "")),
			wrong: 0x80,
			want:  ClosePolicy,
		},
		{
			name:  "no mask",
			good:  []byte{0x81},
			wrong: 0x05,
			want:  CloseProtocolError,
		},
		{
			name:  "a ping over 125 bytes",
			good:  []byte{0x89},
			wrong: maskBit | 126,
			want:  CloseProtocolError,
		},
		{
			name:  "a length over the limit, before the key",
			good:  []byte{0x82, maskBit | 126, 1},
			wrong: 45,
			want:  CloseTooBig,
		},
		{
			name:  "a length over what is left, before the key",
			good:  join(fragment(OpBinary, string(letters(200))), []byte{0x80}),
			wrong: maskBit | 101,
			want:  CloseTooBig,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := checkEveryCut(t, &small, tt.good); got.err != nil {
				t.Errorf("before the wrong byte: got %v, want no error", got)
			}
			if got := checkEveryCut(t, &small, append(tt.good, tt.wrong)); closeCode(got.err) != tt.want {
				t.Errorf("with the wrong byte: got %v, want close %d", got, tt.want)
			}
		})
	}
}

func TestAppendingToAPayloadLeavesTheNextFrameAlone(t *testing.T) {
	stream := join(masked(OpText, "one"), masked(OpText, "two"))
	var d Decoder
	m, rest, err := d.Next(&small, stream)
	if err != nil {
		t.Fatal(err)
	}
	sink = append(m.Payload, "!!!"...)
	m, _, err = d.Next(&small, rest)
	if err != nil || string(m.Payload) != "two" {
		t.Errorf("got %q, error %v, want %q", m.Payload, err, "two")
	}
}

func FuzzDecoder(f *testing.F) {
	const fromServer = 1 << 63 // the bit of the seed that turns the stream round
	for _, tt := range validStreams {
		f.Add(tt.bytes, uint64(1))
	}
	for _, tt := range ruleViolations {
		if len(tt.bytes) < 1000 {
			f.Add(tt.bytes, uint64(2))
		}
	}
	for _, tt := range closeTable {
		f.Add(masked(OpClose, tt.payload), uint64(3))
	}
	f.Add([]byte{0x01, 2, 'h', 'e', 0x89, 0, 0x80, 1, 'y'}, uint64(fromServer))
	f.Fuzz(func(t *testing.T, stream []byte, seed uint64) {
		rules := small
		rules.FromServer = seed&fromServer != 0
		whole := listen(t, &rules, stream)
		rng := rand.New(rand.NewPCG(seed, 0))
		cuts := randomCuts(rng, len(stream))
		if cut := listen(t, &rules, stream, cuts...); !reflect.DeepEqual(cut, whole) {
			t.Fatalf("cut at %v: got %v, want as when fed whole, %v", cuts, cut, whole)
		}
		// What was received can be said again.
		var again []byte
		for _, m := range whole.messages {
			if rules.FromServer {
				again = AppendFrame(again, m.op, []byte(m.payload))
			} else {
				again = AppendMaskedFrame(again, m.op, rng.Uint32(), []byte(m.payload))
			}
		}
		if got := listen(t, &rules, again); !reflect.DeepEqual(got, outcome{messages: whole.messages}) {
			t.Fatalf("encoded again: got %v, want %v", got, whole.messages)
		}
	})
}
