package config

import (
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2/unstable"
)

// maxDepth is how many levels of a path get a place. The keys we know need
// six; without a bound, paths of a hostile file grow with the square of its
// size.
const maxDepth = 8

// place is where something stands in a file, counted from 1; zero is nowhere.
type place struct{ line, column int }

// places knows where each key and each array entry stands, by its path.
type places map[string]place

// of returns the place of a path, or of the nearest table around it.
func (p places) of(path string) place {
	for ; path != ""; path = parent(path) {
		if at, ok := p[path]; ok {
			return at
		}
	}
	return place{}
}

// parent is the path of what a path stands in. A quoted key with a dot has
// parents that are no paths, which does no harm: nothing is known of them.
func parent(path string) string { return path[:max(0, strings.LastIndexAny(path, ".["))] }

// child is the path of a key in the table at path.
func child(path, key string) string {
	if !isBareKey(key) {
		key = quote(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// entry is the path of an array's entry; the first has index 0.
func entry(path string, index int) string { return fmt.Sprintf("%s[%d]", path, index+1) }

// locator walks a document that is known to be well formed.
type locator struct {
	parser unstable.Parser
	data   []byte
	lines  []int          // offset of each line
	arrays map[string]int // tables so far of each array of tables
	places places
}

// locate finds the places of all keys of a well-formed document.
func locate(data []byte) places {
	l := &locator{data: data, lines: []int{0}, arrays: map[string]int{}, places: places{}}
	for i, c := range data {
		if c == '\n' {
			l.lines = append(l.lines, i+1)
		}
	}
	l.parser.Reset(data)
	table := ""
	for l.parser.NextExpression() {
		switch e := l.parser.Expression(); e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = l.table(e)
		case unstable.KeyValue:
			l.keyValue(table, e, 0)
		}
	}
	return l.places
}

// table notes the header of a table and returns its path.
func (l *locator) table(e *unstable.Node) string {
	path, depth := "", 0
	for it := e.Key(); it.Next() && depth < maxDepth; depth++ {
		path = child(path, string(it.Node().Data))
		l.note(path, it.Node())
		if e.Kind == unstable.ArrayTable && it.IsLast() {
			l.arrays[path]++
		}
		if n := l.arrays[path]; n > 0 {
			path = entry(path, n-1)
			l.note(path, it.Node())
		}
	}
	return path
}

func (l *locator) keyValue(path string, e *unstable.Node, depth int) {
	for it := e.Key(); it.Next() && depth < maxDepth; depth++ {
		path = child(path, string(it.Node().Data))
		l.note(path, it.Node())
	}
	l.value(path, e.Value(), depth)
}

// value notes what stands inside arrays and inline tables.
func (l *locator) value(path string, v *unstable.Node, depth int) {
	if depth >= maxDepth {
		return
	}
	index := 0
	for it := v.Children(); it.Next(); {
		switch n := it.Node(); {
		case v.Kind == unstable.InlineTable && n.Kind == unstable.KeyValue:
			l.keyValue(path, n, depth+1)
		case v.Kind == unstable.Array && n.Kind != unstable.Comment:
			at := entry(path, index)
			l.note(at, n)
			l.value(at, n, depth+1)
			index++
		}
	}
}

// note keeps the first place of a path.
func (l *locator) note(path string, n *unstable.Node) {
	if _, ok := l.places[path]; ok || n.Raw.Length == 0 {
		return
	}
	offset := int(n.Raw.Offset)
	line := sort.SearchInts(l.lines, offset+1)
	column := utf8.RuneCount(l.data[l.lines[line-1]:offset]) + 1
	l.places[path] = place{line, column}
}
