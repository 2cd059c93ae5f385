package api

import (
	"bytes"
	textual "encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/nearest"
)

// The parameters of the server API. An unknown field is an error. The empty array that PHP encodes for an empty object counts as one. Errors
// name JSON types, not Go types.

// paramsError is an error of an UnmarshalJSON method that is returned to the caller unchanged.
type paramsError struct{ cause *protocol.Error }

func (rp paramsError) Error() string { return rp.cause.Message }

// decodeParams decodes valid JSON into to, a pointer to a struct.
func decodeParams(params []byte, to any) *protocol.Error {
	if decodeStrictly(params, to) == nil {
		return nil
	}
	// Slow path: compare the fields by name, to find the cause of the error or an empty array for an object.
	t := reflect.TypeOf(to).Elem()
	mended, e := normalizeObject(params, t, "")
	if e != nil {
		return e
	}
	fresh := reflect.New(t)
	if err := decodeStrictly(mended, fresh.Interface()); err != nil {
		return jsonError(err)
	}
	reflect.ValueOf(to).Elem().Set(fresh.Elem())
	return nil
}

func decodeStrictly(params []byte, to any) error {
	decoder := json.NewDecoder(bytes.NewReader(params))
	decoder.DisallowUnknownFields()
	return decoder.Decode(to)
}

// jsonError returns an error of encoding/json without the names of Go types.
func jsonError(err error) *protocol.Error {
	own, wrong := paramsError{}, (*json.UnmarshalTypeError)(nil)
	switch {
	case errors.As(err, &own):
		return own.cause
	case !errors.As(err, &wrong):
		return badRequest("want JSON with the types of %s", OpenAPIPath)
	}
	path := slices.DeleteFunc(strings.Split(wrong.Field, "."), func(name string) bool {
		return name == "" || strings.ToLower(name) != name // an embedded Go struct
	})
	where := strings.Join(path, ".")
	if where == "" {
		where = "parameters"
	}
	found, _, _ := strings.Cut(wrong.Value, " ")
	if found == "bool" {
		found = "true or false"
	}
	return badRequest("%s: want %s, not %s", where, jsonKind(wrong.Type), withArticle(found))
}

// jsonKind returns the name of a Go type in JSON.
func jsonKind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64, reflect.Uint64, reflect.Uint32:
		return fmt.Sprintf("an integer of %d bits", t.Bits())
	case reflect.Slice, reflect.Array:
		return "an array"
	}
	return "an object"
}

func withArticle(word string) string {
	switch {
	case word == "true or false":
		return word
	case strings.HasPrefix(word, "a") || strings.HasPrefix(word, "o"):
		return "an " + word
	}
	return "a " + word
}

var (
	jsonReader = reflect.TypeFor[json.Unmarshaler]()
	textReader = reflect.TypeFor[textual.TextUnmarshaler]()
)

// normalizeObject returns JSON for a value of type t, with an empty object for each empty array in the place of an object. An unknown field
// is an error. path is the place of the value, for the text of the error.
func normalizeObject(raw []byte, t reflect.Type, path string) ([]byte, *protocol.Error) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	readsItself := reflect.PointerTo(t).Implements(jsonReader) || reflect.PointerTo(t).Implements(textReader)
	if readsItself || t.Kind() != reflect.Struct && t.Kind() != reflect.Map {
		return raw, nil
	}
	if isEmptyArray(raw) {
		return []byte("{}"), nil
	}
	var fields map[string]json.RawMessage
	if t.Kind() == reflect.Map || json.Unmarshal(raw, &fields) != nil || fields == nil {
		return raw, nil
	}
	known := jsonFields(t, map[string]reflect.Type{})
	out := []byte{'{'}
	for i, name := range sortedKeys(fields) {
		match := fieldNamed(known, name)
		if len(known) == 0 {
			return nil, badRequest("unknown field %q: want none", path+logqueue.Clip(name))
		}
		if match == "" {
			return nil, badRequest("unknown field %q; %s", path+logqueue.Clip(name), nearest.Proposal(path, name, sortedKeys(known)))
		}
		value, e := normalizeObject(fields[name], known[match], path+match+".")
		if e != nil {
			return nil, e
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(append(out, '"'), match...), '"', ':')
		out = append(out, value...)
	}
	return append(out, '}'), nil
}

// isEmptyArray reports whether raw is []: PHP encodes an empty array of either kind so.
func isEmptyArray(raw []byte) bool {
	inner, opens := bytes.CutPrefix(bytes.TrimSpace(raw), []byte("["))
	return opens && string(bytes.TrimSpace(inner)) == "]"
}

// jsonFields adds the fields of a struct to a map, by their names in JSON.
func jsonFields(t reflect.Type, to map[string]reflect.Type) map[string]reflect.Type {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			jsonFields(f.Type, to)
		case name != "" && name != "-":
			to[name] = f.Type
		}
	}
	return to
}

// fieldNamed returns the known field that encoding/json decodes name into, which ignores case; empty for none.
func fieldNamed(known map[string]reflect.Type, name string) string {
	if _, is := known[name]; is {
		return name
	}
	for field := range known {
		if strings.EqualFold(field, name) {
			return field
		}
	}
	return ""
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
