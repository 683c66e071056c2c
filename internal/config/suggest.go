package config

import (
	"fmt"
	"reflect"
	"strings"
)

// maxSuggest bounds the work for a long word: no key is longer.
const maxSuggest = 40

// nearest returns the word most like s, or "" when none is.
func nearest(s string, words []string) string {
	if len(s) > maxSuggest || s == "" {
		return ""
	}
	best, least := "", len(s)/3+2
	for _, w := range words {
		if len(w) > maxSuggest {
			continue
		}
		d := distance(strings.ToLower(s), strings.ToLower(w))
		if len(s) >= 4 && (strings.HasPrefix(w, s) || strings.HasPrefix(s, w)) {
			d = min(d, 1)
		}
		if d < least && d < max(len(s), len(w)) {
			best, least = w, d
		}
	}
	return best
}

// didYouMean is the end of a message about a word that is not known.
func didYouMean(s string, words []string) string {
	if w := nearest(s, words); w != "" {
		return fmt.Sprintf("; did you mean %q?", w)
	}
	return ""
}

// distance counts the octets to insert, remove, replace or swap with their
// neighbour to make b of a. Neither is longer than maxSuggest, give or take
// what lower case adds.
func distance(a, b string) int {
	a, b = a[:min(len(a), maxSuggest)], b[:min(len(b), maxSuggest)]
	var before, last, row [maxSuggest + 1]int
	for j := range len(b) {
		last[j+1] = j + 1
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j]+cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

// suggestKey is what to say about a key that the table of type t does not know.
func suggestKey(key string, t reflect.Type) string {
	var siblings []string
	for _, f := range fields(t) {
		siblings = append(siblings, f.key)
	}
	if s := didYouMean(key, siblings); s != "" {
		return s
	}
	if s := elsewhere(key, reflect.TypeFor[Config](), ""); s != "" {
		return fmt.Sprintf("; did you mean %q?", s)
	}
	return ""
}

// elsewhere finds a key of that name in another table.
func elsewhere(key string, t reflect.Type, path string) string {
	for _, f := range fields(t) {
		at := child(path, f.key)
		if f.key == key {
			return at
		}
		switch {
		case f.kind() == kindTable:
			if s := elsewhere(key, f.Type, at); s != "" {
				return s
			}
		case f.kind() == kindTables:
			if s := elsewhere(key, f.Type.Elem(), at+".KEY"); s != "" && f.Type.Kind() == reflect.Map {
				return s
			}
		}
	}
	return ""
}
