package record

import (
	"errors"
	"fmt"
)

// Errors of Open and Reader.Next. Each is wrapped in an error that gives the values found.
var (
	ErrTruncated = errors.New("the record is too short")
	ErrVersion   = errors.New("the record has an unknown version")
	ErrChecksum  = errors.New("the record is damaged")
	ErrMalformed = errors.New("the record is malformed")
)

// Errors of Writer.Add.
var (
	// ErrFull is the error for an entry that needs a new record: seal this one first.
	ErrFull = errors.New("the record is full")
	// ErrInvalid is the error for an entry that the format cannot express.
	ErrInvalid = errors.New("the entry is invalid")
)

// ErrTooLarge is the error of Add for an entry that is larger than a record may be, and of Open for such a record.
var ErrTooLarge = errors.New("too large for a record")

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}
