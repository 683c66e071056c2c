package message

import (
	"strconv"
	"strings"
	"time"
)

// parseDate reads a Date field (RFC 5322 §3.3, the obsolete forms of §4.3) as
// mail programs write it: in any order that leaves no doubt, with comments,
// names of zones, years of two digits. Years outside of 1970 to 2199 are not
// believed.
func parseDate(v string) (time.Time, bool) {
	const maxDate = 200
	v = strings.TrimSpace(v)
	if v == "" || len(v) > maxDate {
		return time.Time{}, false
	}
	t, err := time.Parse("Mon, 2 Jan 2006 15:04:05 -0700", v) // what nearly all mail has, and the fastest
	if err != nil {
		var ok bool
		if t, ok = looseDate(v); !ok {
			return time.Time{}, false
		}
	}
	return t, t.Year() >= 1970 && t.Year() < 2200
}

// dateReader collects what the words of a date say.
type dateReader struct {
	day, month, year     int
	hour, minute, second int
	clock, pm, am, zoned bool
	offset               int // seconds east
}

func looseDate(v string) (time.Time, bool) {
	if t, err := time.Parse(time.RFC3339, v); err == nil {
		return t, true
	}
	d := dateReader{day: -1, year: -1}
	v = withoutNotes(v)
	for strings.Contains(v, " :") || strings.Contains(v, ": ") { // RFC 5322 §4.3 allows it
		v = strings.NewReplacer(" :", ":", ": ", ":").Replace(v)
	}
	for w := range strings.FieldsFuncSeq(v, func(r rune) bool { return r == ' ' || r == '\t' || r == ',' || r == '\r' || r == '\n' }) {
		d.word(w)
	}
	if d.day < 1 || d.day > 31 || d.month == 0 || d.year < 0 || d.hour > 24 || d.minute > 59 || d.second > 60 {
		return time.Time{}, false
	}
	if d.pm && d.hour < 12 {
		d.hour += 12
	} else if d.am && d.hour == 12 {
		d.hour = 0
	}
	switch { // RFC 5322 §4.3
	case d.year < 50:
		d.year += 2000
	case d.year < 1000:
		d.year += 1900
	}
	zone := time.UTC
	if d.offset != 0 {
		zone = time.FixedZone("", d.offset)
	}
	return time.Date(d.year, time.Month(d.month), d.day, d.hour, d.minute, d.second, 0, zone), true
}

// withoutNotes drops what stands in parentheses.
func withoutNotes(s string) string {
	for {
		i := strings.IndexByte(s, '(')
		if i < 0 {
			return s
		}
		n := strings.IndexByte(s[i:], ')')
		if n < 0 {
			return s[:i]
		}
		s = s[:i] + " " + s[i+n+1:]
	}
}

func (d *dateReader) word(w string) {
	switch {
	case d.clock && !d.zoned && len(w) > 2 && (w[0] == '+' || w[0] == '-'):
		d.zone(w)
	case strings.Count(w, ":") > 0 || d.clock && strings.Trim(w, ":") == "":
		d.time(w)
	case strings.ContainsAny(w, "-/.") && len(w) > 5 && w[0] >= '0' && w[0] <= '9':
		d.joined(w)
	case w[0] >= '0' && w[0] <= '9':
		d.number(w)
	default:
		d.name(strings.ToLower(w))
	}
}

// time reads "15:04", "15:04:05", "15:04:05.678+0200".
func (d *dateReader) time(w string) {
	if i := strings.LastIndexAny(w, "+-"); i > 3 {
		d.clock = true
		d.zone(w[i:])
		w = w[:i]
	}
	parts := strings.Split(w, ":")
	if len(parts) < 2 || len(parts) > 3 || d.clock && d.hour > 0 {
		return
	}
	var n [3]int
	for i, p := range parts {
		p, _, _ = strings.Cut(p, ".")
		p = strings.TrimRight(p, "zZ")
		v, err := strconv.Atoi(p)
		if err != nil || v < 0 {
			return
		}
		n[i] = v
	}
	d.hour, d.minute, d.second, d.clock = n[0], n[1], n[2], true
}

// zone reads "+0200", "+02:00", "-330".
func (d *dateReader) zone(w string) {
	digits := strings.ReplaceAll(w[1:], ":", "")
	n, err := strconv.Atoi(digits)
	if err != nil || n < 0 || n > 1500 {
		return
	}
	if len(digits) <= 2 {
		n *= 100
	}
	d.zoned = true
	if d.offset = (n/100)*3600 + (n%100)*60; w[0] == '-' {
		d.offset = -d.offset
	}
}

// joined reads "2006-01-02", "2006-01-02T15:04:05", "2-Jan-2006", "2.1.2006".
func (d *dateReader) joined(w string) {
	parts := strings.FieldsFunc(w, func(r rune) bool { return r == '-' || r == '/' || r == '.' })
	if len(parts) < 3 {
		return
	}
	if d.day > 0 && d.month > 0 && d.year >= 0 && !d.clock { // "15.04.05"
		d.time(strings.Join(parts, ":"))
		return
	}
	if len(parts[0]) == 4 {
		d.year, _ = strconv.Atoi(parts[0])
		d.month, _ = strconv.Atoi(parts[1])
		d.number(parts[2])
		return
	}
	d.number(parts[0])
	if m, err := strconv.Atoi(parts[1]); err == nil {
		d.month = m
	} else {
		d.name(strings.ToLower(parts[1]))
	}
	d.number(parts[2])
	if d.month > 12 && d.day > 0 && d.day <= 12 { // "12/31/2006"
		d.month, d.day = d.day, d.month
	}
}

// number takes a day, then a year.
func (d *dateReader) number(w string) {
	n, err := strconv.Atoi(strings.TrimRight(w, "stndrhoa.")) // "1st", "2nd"
	switch {
	case err != nil || n < 0:
	case len(w) <= 4 && d.day < 0 && n <= 31 && len(w) != 4:
		d.day = n
	case d.year < 0:
		d.year = n
	}
}

const monthStems = "janfebmaraprmayjunjulaugsepoctnovdec"

// name takes a month, a zone, or half of a day; the names of days say nothing
// that the date does not.
func (d *dateReader) name(w string) {
	if i := strings.Index(monthStems, w[:min(len(w), 3)]); len(w) >= 3 && i >= 0 && i%3 == 0 && d.month == 0 {
		d.month = i/3 + 1
		return
	}
	switch w {
	case "am", "a.m.":
		d.am = true
	case "pm", "p.m.":
		d.pm = true
	}
	if hours, ok := mailZone(w); ok && !d.zoned {
		d.zoned, d.offset = true, int(hours*3600)
		return
	}
	if i := strings.IndexAny(w, "+-"); i > 0 && len(w) > i+1 { // "GMT+0200"
		d.zone(w[i:])
	}
}

// mailZone knows the zones of RFC 5322 §4.3 and those that were common
// enough for people's programs to write them.
func mailZone(w string) (float64, bool) {
	switch w {
	case "ut", "utc", "gmt", "z", "wet":
		return 0, true
	case "est", "cdt":
		return -5, true
	case "edt", "ast":
		return -4, true
	case "cst", "mdt":
		return -6, true
	case "mst", "pdt":
		return -7, true
	case "pst":
		return -8, true
	case "bst", "cet", "met", "mez", "west":
		return 1, true
	case "cest", "mest", "mesz", "eet":
		return 2, true
	case "eest", "msk":
		return 3, true
	case "jst", "kst":
		return 9, true
	case "aest":
		return 10, true
	}
	return 0, false
}
