package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// Show is the configuration as it is in effect, as TOML that [Parse] reads to
// the same value. Of secrets it holds only the names of their files.
func (c *Config) Show() string {
	var w writer
	w.table("", reflect.ValueOf(c).Elem())
	return w.String()
}

// Reference is a whole configuration file with every key, explained, at its
// default. It is a valid configuration, with an example mailbox. Keys without a
// default are commented out with a "#" directly before the key, and so are
// the example relay and rule.
func Reference() string {
	c := builtIn()
	m := Mailbox{Key: "support"}
	setExamples(reflect.ValueOf(&m).Elem())
	c.Mailbox = map[string]Mailbox{m.Key: m}
	rule, capture := Rule{Fields: map[string]string{"channel": "mail"}}, Capture{}
	setExamples(reflect.ValueOf(&rule).Elem())
	setExamples(reflect.ValueOf(&capture).Elem())
	rule.Capture = []Capture{capture}
	c.Rule = []Rule{rule}
	relay := Relay{}
	setExamples(reflect.ValueOf(&relay).Elem())
	c.Relay = []Relay{relay}

	w := writer{explain: true}
	w.comment("Configuration of mxdesk. Every key is shown at its default; keys that have none are commented out. Durations are written as in \"5m\" or \"30d\", sizes as in \"35MiB\".")
	w.table("", reflect.ValueOf(c).Elem())
	return w.String()
}

// setExamples fills a table with its defaults, and with examples where a value
// is needed.
func setExamples(v reflect.Value) {
	setDefaults(v)
	for _, f := range fields(v.Type()) {
		text, ok := f.Tag.Lookup("example")
		switch to := v.FieldByIndex(f.Index); {
		case !ok:
		case to.Kind() == reflect.Slice:
			to.Set(reflect.ValueOf([]string{text}))
		default:
			to.SetString(text)
		}
	}
}

// writer writes tables as TOML.
type writer struct {
	strings.Builder
	explain bool // with documentation, keys without a value commented out
	off     bool // everything commented out
}

// line writes one line of TOML.
func (w *writer) line(off bool, format string, args ...any) {
	if off || w.off {
		w.WriteByte('#')
	}
	fmt.Fprintf(w, format+"\n", args...)
}

// table writes the values of a table, then the tables in it.
func (w *writer) table(path string, v reflect.Value) {
	all := fields(v.Type())
	for _, f := range all {
		if f.kind() == kindValue {
			w.value(f, v.FieldByIndex(f.Index))
		}
	}
	for _, f := range all {
		if f.kind() != kindValue {
			w.tables(f, child(path, f.key), v.FieldByIndex(f.Index))
		}
	}
}

func (w *writer) value(f field, v reflect.Value) {
	unset := w.explain && v.IsZero() && f.Tag.Get("default") == ""
	if w.explain {
		w.WriteByte('\n')
		w.comment(f.Tag.Get("doc"))
		if words := f.words(); len(words) > 0 && !strings.Contains(f.Tag.Get("doc"), quote(words[0])) {
			w.comment("One of: " + enumerate(words) + ".")
		}
		if least, greatest := f.bounds(); least != "" {
			w.comment("From " + least + " to " + greatest + ".")
		}
	}
	w.line(unset, "%s = %s", f.key, literal(v))
}

func (w *writer) tables(f field, path string, v reflect.Value) {
	switch f.kind() {
	case kindTable:
		w.header(f, "["+path+"]")
		w.table(path, v)
	case kindWords:
		if v.Len() == 0 {
			return
		}
		w.header(f, "["+path+"]")
		words := v.Interface().(map[string]string)
		for _, key := range slices.Sorted(maps.Keys(words)) {
			w.line(false, "%s = %s", child("", key), quote(words[key]))
		}
	case kindTables:
		if list, ok := v.Interface().(map[string]Mailbox); ok {
			for _, key := range slices.Sorted(maps.Keys(list)) {
				at := child(path, key)
				w.header(f, "["+at+"]")
				w.table(at, reflect.ValueOf(list[key]))
			}
			return
		}
		was := w.off
		w.off = w.explain
		for i := range v.Len() {
			w.header(f, "[["+path+"]]")
			w.table(path, v.Index(i))
		}
		w.off = was
	}
}

func (w *writer) header(f field, text string) {
	w.WriteByte('\n')
	if w.explain {
		w.comment(f.Tag.Get("doc"))
	}
	w.line(false, "%s", text)
}

// comment writes prose in lines of at most 78 characters.
func (w *writer) comment(text string) {
	line := "#"
	for word := range strings.FieldsSeq(text) {
		if utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > 78 {
			w.WriteString(line + "\n")
			line = "#"
		}
		line += " " + word
	}
	w.WriteString(line + "\n")
}

// literal writes a value as TOML.
func literal(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case fmt.Stringer: // Duration, Size
		return quote(x.String())
	case string:
		return quote(x)
	case []string:
		quoted := make([]string, len(x))
		for i, s := range x {
			quoted[i] = quote(s)
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	}
	return fmt.Sprint(v.Interface())
}

// quote writes a TOML basic string.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case isControl(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// isBareKey reports whether TOML takes a key without quotes.
func isBareKey(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return s != ""
}
