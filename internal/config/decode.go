package config

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// kind is how a field is written in a file.
type kind int

const (
	kindValue  kind = iota // a value on one line
	kindTable              // one table
	kindTables             // tables by key, or an array of tables
	kindWords              // a table of strings
)

// field is one key of a table, as the struct tags describe it.
type field struct {
	reflect.StructField
	key string
}

// fields lists the keys of a table in the order of the struct.
func fields(t reflect.Type) []field {
	var list []field
	for i := range t.NumField() {
		f := t.Field(i)
		if key := f.Tag.Get("toml"); f.IsExported() && key != "-" {
			list = append(list, field{f, key})
		}
	}
	return list
}

func (f field) kind() kind {
	switch f.Type.Kind() {
	case reflect.Struct:
		return kindTable
	case reflect.Map:
		if f.Type.Elem().Kind() == reflect.String {
			return kindWords
		}
		return kindTables
	case reflect.Slice:
		if f.Type.Elem().Kind() == reflect.Struct {
			return kindTables
		}
	}
	return kindValue
}

// words lists the values that a field may have, or none when it is free.
func (f field) words() []string { return strings.Fields(f.Tag.Get("oneof")) }

// bounds are the least and the greatest value of a number, as written.
func (f field) bounds() (least, greatest string) { return f.Tag.Get("min"), f.Tag.Get("max") }

// setDefaults fills a table with the defaults of its tags. A test reads every
// one of them, so an unreadable default never leaves this folder.
func setDefaults(v reflect.Value) {
	for _, f := range fields(v.Type()) {
		to := v.FieldByIndex(f.Index)
		text, ok := f.Tag.Lookup("default")
		switch {
		case f.kind() == kindTable:
			setDefaults(to)
		case !ok:
		case to.Kind() == reflect.Slice:
			to.Set(reflect.ValueOf([]string{text}))
		case to.Kind() == reflect.String:
			to.SetString(text)
		case to.Kind() == reflect.Bool:
			to.SetBool(text == "true")
		default:
			n, _ := parseNumber(to.Type(), text)
			to.SetInt(n)
		}
	}
}

// parseNumber reads an integer, a duration or a size, by type.
func parseNumber(t reflect.Type, s string) (int64, error) {
	switch t {
	case reflect.TypeFor[Duration]():
		d, err := ParseDuration(s)
		return int64(d), err
	case reflect.TypeFor[Size]():
		n, err := ParseSize(s)
		return int64(n), err
	}
	return strconv.ParseInt(s, 10, 64)
}

// decoder puts what a TOML parser read into a Config.
type decoder struct{ *problems }

// table decodes a table into a struct.
func (d decoder) table(v reflect.Value, raw any, path string) {
	t, ok := raw.(map[string]any)
	if !ok {
		d.add(path, "want a table, found %s", describe(raw))
		return
	}
	known := map[string]bool{}
	for _, f := range fields(v.Type()) {
		known[f.key] = true
		if r, ok := t[f.key]; ok {
			d.field(v.FieldByIndex(f.Index), f, r, child(path, f.key))
		}
	}
	for key := range t {
		if !known[key] {
			d.add(child(path, key), "unknown key%s", suggestKey(key, v.Type()))
		}
	}
}

func (d decoder) field(v reflect.Value, f field, raw any, path string) {
	switch {
	case f.kind() == kindTable:
		d.table(v, raw, path)
	case f.kind() == kindTables && v.Kind() == reflect.Map:
		d.tablesByKey(v, raw, path)
	case f.kind() == kindTables:
		d.tableList(v, raw, path)
	case f.kind() == kindWords:
		d.wordTable(v, raw, path)
	case v.Kind() == reflect.Slice:
		d.list(v, f, raw, path)
	case v.Kind() == reflect.String:
		d.text(v, f, raw, path)
	case v.Kind() == reflect.Bool:
		b, ok := raw.(bool)
		if !ok {
			d.add(path, "want true or false, found %s", describe(raw))
			return
		}
		v.SetBool(b)
	default:
		d.number(v, f, raw, path)
	}
}

func (d decoder) tablesByKey(v reflect.Value, raw any, path string) {
	t, ok := raw.(map[string]any)
	if !ok {
		d.add(path, "want a table for each, as in [%s.KEY], found %s", path, describe(raw))
		return
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), len(t)))
	for key, r := range t {
		one := reflect.New(v.Type().Elem()).Elem()
		setDefaults(one)
		d.table(one, r, child(path, key))
		v.SetMapIndex(reflect.ValueOf(key), one)
	}
}

func (d decoder) tableList(v reflect.Value, raw any, path string) {
	list, ok := raw.([]any)
	if !ok {
		d.add(path, "want an array of tables, as in [[%s]], found %s", path, describe(raw))
		return
	}
	for i, r := range list {
		one := reflect.New(v.Type().Elem()).Elem()
		setDefaults(one)
		d.table(one, r, entry(path, i))
		v.Set(reflect.Append(v, one))
	}
}

func (d decoder) wordTable(v reflect.Value, raw any, path string) {
	t, ok := raw.(map[string]any)
	if !ok {
		d.add(path, "want a table of strings, found %s", describe(raw))
		return
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), len(t)))
	for key, r := range t {
		one := reflect.New(v.Type().Elem()).Elem()
		d.text(one, field{}, r, child(path, key))
		v.SetMapIndex(reflect.ValueOf(key), one)
	}
}

func (d decoder) list(v reflect.Value, f field, raw any, path string) {
	list, ok := raw.([]any)
	if !ok {
		d.add(path, "want an array of strings, as in [\"…\"], found %s", describe(raw))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(list), len(list)))
	for i, r := range list {
		d.text(v.Index(i), f, r, entry(path, i))
	}
}

// text decodes a string. Control characters have no business in a
// configuration: many values end up in header fields.
func (d decoder) text(v reflect.Value, f field, raw any, path string) {
	s, ok := raw.(string)
	if !ok {
		d.add(path, "want a string, found %s", describe(raw))
		return
	}
	v.SetString(s)
	many := f.Tag.Get("lines") == "many"
	if strings.ContainsFunc(s, func(r rune) bool { return isControl(r) && !(many && (r == '\n' || r == '\t')) }) {
		d.add(path, "a control character, such as a line break, cannot stand here")
		return
	}
	words := f.words()
	if _, needed := f.Tag.Lookup("default"); len(words) == 0 || s == "" && !needed || slices.Contains(words, s) {
		return
	}
	d.add(path, "want %s%s", enumerate(words), didYouMean(s, words))
}

func (d decoder) number(v reflect.Value, f field, raw any, path string) {
	n, ok := raw.(int64)
	switch s, isString := raw.(string); {
	case v.Type() == reflect.TypeFor[Duration]() && !isString:
		d.add(path, "%s; found %s", errDuration, describe(raw))
		return
	case isString && v.Kind() == reflect.Int64:
		var err error
		if n, err = parseNumber(v.Type(), s); err != nil {
			d.add(path, "%s", err)
			return
		}
	case !ok:
		d.add(path, "want an integer, found %s", describe(raw))
		return
	}
	least, greatest := f.bounds()
	if !within(v.Type(), n, least, greatest) {
		d.add(path, "must be from %s to %s", least, greatest)
		return
	}
	v.SetInt(n)
}

// within reports whether a number lies in bounds; an empty bound is none.
func within(t reflect.Type, n int64, least, greatest string) bool {
	low, high := int64(0), int64(math.MaxInt32)
	if least != "" {
		low, _ = parseNumber(t, least)
	}
	if greatest != "" {
		high, _ = parseNumber(t, greatest)
	}
	return low <= n && n <= high
}

// describe names the type of a TOML value. It never shows the value: it might
// be a secret in the wrong place.
func describe(raw any) string {
	switch raw.(type) {
	case string:
		return "a string"
	case bool:
		return "true or false"
	case int64:
		return "an integer"
	case float64:
		return "a float"
	case []any:
		return "an array"
	case map[string]any:
		return "a table"
	}
	return "a date or time"
}

// enumerate writes words as a choice.
func enumerate(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = fmt.Sprintf("%q", w)
	}
	if last := len(quoted) - 1; last > 0 {
		return strings.Join(quoted[:last], ", ") + " or " + quoted[last]
	}
	return strings.Join(quoted, "")
}

func isControl(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 }
