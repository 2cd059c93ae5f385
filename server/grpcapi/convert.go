package grpcapi

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// The fields of a message have the names of the JSON of the HTTP API. So one conversion serves all methods.

// appendMessage appends a message as the JSON parameters of the server API. A field of bytes is JSON, or else base64 in a field with the prefix b64.
func appendMessage(to []byte, m protoreflect.Message) []byte {
	to = append(to, '{')
	first := true
	fields := m.Descriptor().Fields()
	for i := range fields.Len() { // in a fixed order
		fd := fields.Get(i)
		if !m.Has(fd) {
			continue
		}
		if !first {
			to = append(to, ',')
		}
		first = false
		name, value := string(fd.Name()), m.Get(fd)
		switch {
		case fd.IsMap():
			to = appendMap(appendName(to, name), fd, value.Map())
		case fd.IsList():
			to = append(appendName(to, name), '[')
			for j := range value.List().Len() {
				if j > 0 {
					to = append(to, ',')
				}
				to = appendValue(to, fd, value.List().Get(j))
			}
			to = append(to, ']')
		case fd.Kind() == protoreflect.BytesKind && json.Valid(value.Bytes()):
			to = append(appendName(to, name), value.Bytes()...)
		case fd.Kind() == protoreflect.BytesKind:
			to = appendString(appendName(to, "b64"+name), base64.StdEncoding.EncodeToString(value.Bytes()))
		default:
			to = appendValue(appendName(to, name), fd, value)
		}
	}
	return append(to, '}')
}

func appendName(to []byte, name string) []byte { return append(appendString(to, name), ':') }

func appendString(to []byte, text string) []byte {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string can be encoded
	}
	return append(to, b...)
}

// appendMap appends a map of texts. The requests have no other maps.
func appendMap(to []byte, fd protoreflect.FieldDescriptor, m protoreflect.Map) []byte {
	to = append(to, '{')
	first := true
	m.Range(func(key protoreflect.MapKey, value protoreflect.Value) bool {
		if !first {
			to = append(to, ',')
		}
		first = false
		to = appendValue(appendName(to, key.String()), fd.MapValue(), value)
		return true
	})
	return append(to, '}')
}

// appendValue appends one value, other than bytes.
func appendValue(to []byte, fd protoreflect.FieldDescriptor, value protoreflect.Value) []byte {
	switch fd.Kind() {
	case protoreflect.MessageKind:
		return appendMessage(to, value.Message())
	case protoreflect.StringKind:
		return appendString(to, value.String())
	case protoreflect.BoolKind:
		return strconv.AppendBool(to, value.Bool())
	case protoreflect.Int32Kind, protoreflect.Int64Kind:
		return strconv.AppendInt(to, value.Int(), 10)
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind:
		return strconv.AppendUint(to, value.Uint(), 10)
	}
	panic(fmt.Sprintf("%s: a request with a field of the kind %v", fd.FullName(), fd.Kind()))
}

// setMessage sets the fields of a message from the JSON of a result. Fields that the message does not have are left out.
func setMessage(m protoreflect.Message, text []byte) error {
	var values map[string]json.RawMessage
	if err := json.Unmarshal(text, &values); err != nil {
		return err
	}
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		raw, ok := values[string(fd.Name())]
		if !ok || bytes.Equal(raw, []byte("null")) {
			continue
		}
		if err := setField(m, fd, raw); err != nil {
			return fmt.Errorf("%s: %w", fd.FullName(), err)
		}
	}
	return nil
}

func setField(m protoreflect.Message, fd protoreflect.FieldDescriptor, raw []byte) error {
	switch {
	case fd.IsMap():
		var values map[string]json.RawMessage
		if err := json.Unmarshal(raw, &values); err != nil {
			return err
		}
		to := m.Mutable(fd).Map()
		for key, raw := range values {
			value, err := valueOf(fd.MapValue(), raw, to.NewValue)
			if err != nil {
				return err
			}
			to.Set(protoreflect.ValueOfString(key).MapKey(), value)
		}
		return nil
	case fd.IsList():
		var values []json.RawMessage
		if err := json.Unmarshal(raw, &values); err != nil {
			return err
		}
		to := m.Mutable(fd).List()
		for _, raw := range values {
			value, err := valueOf(fd, raw, to.NewElement)
			if err != nil {
				return err
			}
			to.Append(value)
		}
		return nil
	}
	value, err := valueOf(fd, raw, func() protoreflect.Value { return m.NewField(fd) })
	if err == nil {
		m.Set(fd, value)
	}
	return err
}

// valueOf returns one value of JSON. fresh returns a new message. A value of bytes is the JSON itself.
func valueOf(fd protoreflect.FieldDescriptor, raw []byte, fresh func() protoreflect.Value) (protoreflect.Value, error) {
	switch fd.Kind() {
	case protoreflect.MessageKind:
		value := fresh()
		return value, setMessage(value.Message(), raw)
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes(bytes.Clone(raw)), nil
	case protoreflect.StringKind:
		return decoded(raw, protoreflect.ValueOfString)
	case protoreflect.BoolKind:
		return decoded(raw, protoreflect.ValueOfBool)
	case protoreflect.Uint32Kind:
		return decoded(raw, protoreflect.ValueOfUint32)
	case protoreflect.Uint64Kind:
		return decoded(raw, protoreflect.ValueOfUint64)
	}
	return protoreflect.Value{}, fmt.Errorf("a result with a field of the kind %v", fd.Kind())
}

func decoded[T any](raw []byte, of func(T) protoreflect.Value) (protoreflect.Value, error) {
	var v T
	err := json.Unmarshal(raw, &v)
	return of(v), err
}
