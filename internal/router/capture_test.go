package router

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestCaptureField(t *testing.T) {
	re := func(s string) CaptureField { return CaptureField{Field: "f", Regex: regexp.MustCompile(s)} }
	marks := func(start, end string) CaptureField { return CaptureField{Field: "f", Start: start, End: end} }
	tests := []struct {
		name  string
		field CaptureField
		text  string
		want  string
		ok    bool
	}{
		{"between marks", marks("Asset: ", ";"), "x Asset: PC-17; y", "PC-17", true},
		{"blanks around", marks("Asset:", ";"), "Asset: \t PC-17 ;", "PC-17", true},
		{"first of two", marks("<", ">"), "<a> <b>", "a", true},
		{"to the end of the line", marks("Asset:", ""), "Asset: PC-17\nmore", "PC-17", true},
		{"to the end of the text", marks("Asset:", ""), "Asset: PC-17", "PC-17", true},
		{"several lines", marks("BEGIN", "END"), "BEGIN\na\nb\nEND", "a\nb", true},
		{"empty", marks("<", ">"), "<>", "", true},
		{"no start", marks("<", ">"), "a>", "", false},
		{"no end", marks("<", ">"), "<a", "", false},
		{"end before the start", marks("<", ">"), "> <a", "", false},
		{"case counts", marks("Asset:", ";"), "asset: x;", "", false},
		{"first group", re(`(?i)order\s+(\d+)-(\d+)`), "Your ORDER 12-34", "12", true},
		{"no group", re(`PC-\d+`), "the PC-17 here", "PC-17", true},
		{"group that took no part", re(`a(b)?`), "a", "", true},
		{"blanks in the group", re(`n:(.*)`), "n:  x  ", "x", true},
		{"no match", re(`PC-(\d+)`), "PC-x", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, ok := tt.field.find(tt.text); got != tt.want || ok != tt.ok {
				t.Errorf("got %q, %v; want %q, %v", got, ok, tt.want, tt.ok)
			}
		})
	}
}

func TestApply(t *testing.T) {
	re := regexp.MustCompile
	in := mail(ann, "Order 12 for sales", to("help@other.example", "support@desk.example"))
	in.Message.Text = "Asset: PC-17\nRoom: 5\n"
	asset := CaptureField{Field: "asset", Start: "Asset:"}
	tests := []struct {
		name  string
		rules []CaptureRule
		want  Captured
	}{
		{"none", nil, Captured{Fields: map[string]string{}}},
		{
			"from body and subject",
			[]CaptureRule{{Name: "r", Fields: []CaptureField{asset, {Field: "order", InSubject: true, Regex: re(`Order (\d+)`)}}}},
			Captured{Fields: map[string]string{"asset": "PC-17", "order": "12"}, Trace: []string{"rule r applied"}},
		},
		{
			"a field that is not there",
			[]CaptureRule{{Name: "r", Fields: []CaptureField{{Field: "x", Start: "Nothing:"}, asset}}},
			Captured{Fields: map[string]string{"asset": "PC-17"}, Trace: []string{"rule r applied", "rule r: x not found"}},
		},
		{
			"type, priority and set",
			[]CaptureRule{{Name: "r", Type: "project", Priority: "high", Set: map[string]string{"team": "blue", "a": "b"}}},
			Captured{Fields: map[string]string{"team": "blue", "a": "b"}, Type: "project", Priority: "high", Trace: []string{"rule r applied"}},
		},
		{
			"later rules add and overwrite",
			[]CaptureRule{{Name: "1", Type: "project", Set: map[string]string{"k": "1", "j": "1"}}, {Name: "2", Priority: "low", Set: map[string]string{"k": "2"}}},
			Captured{Fields: map[string]string{"k": "2", "j": "1"}, Type: "project", Priority: "low", Trace: []string{"rule 1 applied", "rule 2 applied"}},
		},
		{
			"stop",
			[]CaptureRule{{Name: "1", Stop: true}, {Name: "2", Type: "project"}},
			Captured{Fields: map[string]string{}, Trace: []string{"rule 1 applied", "rule 1 ended the rules"}},
		},
		{
			"a stop that is not met",
			[]CaptureRule{{Name: "1", Mailbox: "sales", Stop: true}, {Name: "2", Type: "project"}},
			Captured{Fields: map[string]string{}, Type: "project", Trace: []string{"rule 2 applied"}},
		},
		{
			"every condition met",
			[]CaptureRule{{
				Name: "r", Mailbox: "support", From: re(`@user\.example$`), To: re(`^support@`), Subject: re(`Order`), Body: re(`Room: \d`), Type: "x",
			}},
			Captured{Fields: map[string]string{}, Type: "x", Trace: []string{"rule r applied"}},
		},
		{
			"one condition each not met",
			[]CaptureRule{
				{Name: "1", Mailbox: "sales"}, {Name: "2", From: re("bob")}, {Name: "3", To: re("sales@")}, {Name: "4", Subject: re("Asset")}, {Name: "5", Body: re("Order")},
			},
			Captured{Fields: map[string]string{}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newWorld().Rules
			r.Capture = tt.rules
			if diff := cmp.Diff(tt.want, r.Apply(in.Message, "support", in.Envelope)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestCaptureLimits(t *testing.T) {
	r := newWorld().Rules
	in := mail(ann, "Hello")
	in.Message.Text = "Long: " + strings.Repeat("ä", maxFieldValue)
	rule := CaptureRule{Name: "r", Fields: []CaptureField{{Field: "long", Start: "Long:"}}, Set: map[string]string{}}
	for i := range 2 * maxFields {
		rule.Set[fmt.Sprintf("f%03d", i)] = "v"
	}
	r.Capture = []CaptureRule{rule, {Name: "again", Set: map[string]string{"f000": "changed", "new": "v"}}}
	c := r.Apply(in.Message, "support", in.Envelope)
	if len(c.Fields) != maxFields || c.Fields["f000"] != "changed" || c.Fields["new"] != "" {
		t.Errorf("%d fields, f000 %q, new %q", len(c.Fields), c.Fields["f000"], c.Fields["new"])
	}
	if v := c.Fields["long"]; len(v) > maxFieldValue || len(v) < maxFieldValue-utf8.UTFMax || !utf8.ValidString(v) {
		t.Errorf("a value of %d octets, valid %v", len(v), utf8.ValidString(v))
	}
}

func TestDecisionCarriesCaptured(t *testing.T) {
	w := newWorld()
	in := mail(ann, "[ID:1]")
	in.Captured = Captured{Fields: map[string]string{"a": "b"}, Trace: []string{"rule r applied"}}
	for _, subject := range []string{"[ID:1]", "Hello"} {
		in.Message.Subject = subject
		d := decide(t, w, in)
		if d.Captured.Fields["a"] != "b" || len(d.Trace) == 0 || d.Trace[0] != "rule r applied" {
			t.Errorf("%s: %v, trace %q", subject, d.Captured, d.Trace)
		}
	}
	if len(in.Captured.Trace) != 1 {
		t.Errorf("the caller's trace was changed: %q", in.Captured.Trace)
	}
}
