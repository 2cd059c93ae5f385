package record

// MaxRecord is the largest record in bytes: a NATS message of the default limit of 1 MiB, less room for its headers.
const MaxRecord = 1<<20 - 1<<10

// Versions of the format. A record has the lowest version that can express its entries, so each record has exactly one encoding.
const (
	firstVersion = 1
	Version      = 2 // with values
)

// Kind is the kind of an entry. The numbers are part of the format.
type Kind uint8

const (
	Publish    Kind = 1 // a publication: appended to the history of its room
	Redact     Kind = 2 // the publication at Offset loses its data. Its notice is a Publish entry
	Clear      Kind = 3 // the history of the room up to Offset is dropped; the position stays
	Generation Kind = 4 // rooms without a stored position begin with this generation
	Fence      Kind = 5 // a new owner of the log: records with an older term do not count
	handover   Kind = 6 // reserved for several nodes: neither written nor read
	Value      Kind = 7 // the value of Key in the room is Data; without Data, it is removed. Without Key, all values of the room are. Since version 2
)

var kindNames = [...]string{Publish: "publish", Redact: "redact", Clear: "clear", Generation: "generation", Fence: "fence", Value: "value"}

func (k Kind) String() string {
	if k.known() {
		return kindNames[k]
	}
	return "unknown"
}

func (k Kind) known() bool { return k >= Publish && k < handover || k == Value }

// version returns the first version of the format that has the kind.
func (k Kind) version() byte {
	if k == Value {
		return Version
	}
	return firstVersion
}

// ofRoom reports whether an entry of this kind needs a room.
func (k Kind) ofRoom() bool { return k == Publish || k == Redact || k == Clear }

// Header is about the record as a whole.
type Header struct {
	Term     uint64 // number of the fence after which the writer appends
	Expected uint64 // sequence number of the record before; 0 for the first
}

// Entry is one change of a room, or of all rooms of the log.
type Entry struct {
	Kind       Kind
	Form       uint8 // form of Data, at most MaxForm; its meaning is that of package chat
	Change     bool  // an edit, a deletion or a reaction
	Notice     bool  // the notice of a redaction
	Room       string
	Generation uint64
	Offset     uint64
	UnixMilli  int64 // time of publication, in milliseconds since 1970
	Edge       uint64
	EdgeNumber uint64 // number that the node Edge gave the publication; 0 on one node
	Key        string // idempotency key, empty for none; of a Value its key
	Version    PublicationVersion
	Tags       map[string]string
	Info       []byte // a Publisher; empty for none
	Data       []byte
}

// MaxForm is the largest form of data.
const MaxForm = 15

// PublicationVersion orders publications that each have the whole state of a room.
type PublicationVersion struct {
	Number uint64 // 0 for none
	Epoch  string
}

// Bits of the byte shape of an entry.
const (
	formMask  = 0x0f
	bitChange = 0x10
	bitNotice = 0x20
)

// Bits of the byte fields of an entry.
const (
	hasEdge = 1 << iota
	hasKey
	hasVersion
	hasTags
	hasInfo
	hasData
	sameRoom
	knownFields = 1<<iota - 1
)

// maxHeader is the largest header in bytes: version, checksum and two numbers.
const (
	checksumAt = 1
	bodyAt     = checksumAt + 4
	maxHeader  = bodyAt + 2*maxUvarint
	minHeader  = bodyAt + 2
	maxUvarint = 10
)

// shape returns the byte shape.
func (e *Entry) shape() byte {
	b := e.Form
	if e.Change {
		b |= bitChange
	}
	if e.Notice {
		b |= bitNotice
	}
	return b
}

// fields returns the byte fields for an entry after one of the room before.
func (e *Entry) fields(before string) (b byte) {
	for _, f := range [...]struct {
		present bool
		bit     byte
	}{
		{e.Edge > 0 || e.EdgeNumber > 0, hasEdge},
		{e.Key != "", hasKey},
		{e.Version != PublicationVersion{}, hasVersion},
		{len(e.Tags) > 0, hasTags},
		{len(e.Info) > 0, hasInfo},
		{len(e.Data) > 0, hasData},
		{e.Room == before, sameRoom},
	} {
		if f.present {
			b |= f.bit
		}
	}
	return b
}
