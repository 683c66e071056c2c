package mailauth

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mxdesk/internal/message"
	"mxdesk/ticketstore"
)

func TestResultsField(t *testing.T) {
	in := input(simple("joe@example.com"), goodIP, "mx.example.com", "joe@example.com")
	v := ticketstore.Verdict{
		SPF:   ticketstore.SPFResult{Result: "pass", Domain: "example.com", Reason: "because"},
		DKIM:  []ticketstore.DKIMResult{{Result: "fail", Domain: "example.com", Selector: "s", Reason: `a "b" \ c`}},
		DMARC: ticketstore.DMARCResult{Result: "pass", Domain: "example.com", Policy: "reject", Record: "example.com"},
		ARC:   ticketstore.ARCResult{Result: "fail", Reason: "broken"},
	}
	want := "Authentication-Results: desk.example;\r\n" +
		"\tspf=pass\r\n\t reason=\"because\"\r\n\t smtp.mailfrom=joe@example.com;\r\n" +
		"\tdkim=fail\r\n\t reason=\"a \\\"b\\\" \\\\ c\"\r\n\t header.d=example.com\r\n\t header.s=s;\r\n" +
		"\tdmarc=pass\r\n\t header.from=example.com\r\n\t polrec.p=reject\r\n\t polrec.domain=example.com;\r\n" +
		"\tarc=fail\r\n\t reason=\"broken\"\r\n"
	if d := cmp.Diff(want, ResultsField("desk.example", in, v)); d != "" {
		t.Error(d)
	}
}

func TestResultsFieldWithoutAnything(t *testing.T) {
	got := ResultsField("", Input{Helo: "a\r\nX: y; spf=pass"}, ticketstore.Verdict{})
	want := "Authentication-Results: \"\";\r\n\tspf=none\r\n\t smtp.helo=\"a??X: y; spf=pass\";\r\n\tdkim=none;\r\n\tdmarc=none\r\n"
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func FuzzResultsField(f *testing.F) {
	f.Add("desk.example", "mx.example.com", "pass", "reason", "example.com")
	f.Add("a\r\nb", "x\x00;\"(", "pass;spf=fail", "\"\\", "a@b@c")
	f.Add("é", "\n", "", strings.Repeat("x", 5000), "[::1]")
	f.Fuzz(func(t *testing.T, id, helo, result, reason, domain string) {
		v := ticketstore.Verdict{
			SPF:   ticketstore.SPFResult{Result: result, Domain: domain, Reason: reason},
			DKIM:  []ticketstore.DKIMResult{{Result: result, Domain: domain, Selector: helo, Reason: reason}},
			DMARC: ticketstore.DMARCResult{Result: result, Domain: domain, Policy: reason, Record: domain, Reason: id},
			ARC:   ticketstore.ARCResult{Result: result, Reason: "x" + reason},
		}
		field := ResultsField(id, Input{Helo: helo}, v)
		rest := strings.ReplaceAll(strings.TrimSuffix(field, "\r\n"), "\r\n\t", "")
		if !strings.HasSuffix(field, "\r\n") || strings.ContainsFunc(rest, func(r rune) bool { return r < ' ' || r >= 0x7f }) {
			t.Fatalf("control characters in %q", field)
		}
		for line := range strings.SplitSeq(field, "\r\n") {
			if len(line) > 998 {
				t.Fatalf("a line of %d octets", len(line))
			}
		}
		h := message.ReadHeader(strings.NewReader(field+"From: a@example.com\r\n\r\n"), message.Limits{})
		if len(h.Fields) != 2 {
			t.Fatalf("%d fields in %q", len(h.Fields), field)
		}
		if n := outsideQuotes(h.Fields[0].Value, ';'); n != 4 {
			t.Fatalf("%d results in %q", n, field)
		}
		if n := outsideQuotes(h.Fields[0].Value, '('); n != 0 {
			t.Fatalf("a comment in %q", field)
		}
		read, err := readResults(h.Fields[0].Value)
		var methods []string
		for _, one := range read.list {
			methods = append(methods, one.method)
		}
		if err != nil && quoteValue(id) == id || err == nil && !slices.Equal(methods, []string{"spf", "dkim", "dmarc", "arc"}) {
			t.Fatalf("reads as %q, %v: %q", methods, err, field)
		}
		if got := distrustedBy(id, h); quoteValue(id) == id && len(got) != 1 {
			t.Fatalf("our own field is not recognised: %q", field)
		}
	})
}

func TestResultsFieldIsASCII(t *testing.T) {
	got := ResultsField("Bücher.example", Input{}, ticketstore.Verdict{})
	if !strings.HasPrefix(got, "Authentication-Results: xn--bcher-kva.example;") {
		t.Error(got)
	}
}

func outsideQuotes(s string, c byte) (n int) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && quoted:
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == c && !quoted:
			n++
		}
	}
	return n
}

// distrustedBy are the fields that a server of that name distrusts, without
// relays.
func distrustedBy(id string, h *message.Header) []message.Field {
	return New(Config{AuthservID: id}).Distrusted(Input{Header: h})
}

func TestDistrusted(t *testing.T) {
	const field = "Authentication-Results: "
	for _, tt := range []struct {
		name, raw string
		want      bool
	}{
		{"plain", field + "desk.example; spf=pass", true},
		{"foreign", field + "mx.google.com; spf=pass", false},
		{"a longer name", field + "notdesk.example; spf=pass", false},
		{"a subdomain", field + "mx.desk.example; spf=pass", false},
		{"ours only in a property", field + "mx.google.com; spf=pass smtp.mailfrom=desk.example", false},
		{"case", "AUTHENTICATION-results: DESK.Example; spf=pass", true},
		{"no space", "Authentication-Results:desk.example;spf=pass", true},
		{"space before the colon", "Authentication-Results : desk.example; spf=pass", true},
		{"comment before", field + "(hi \\) (there)) desk.example; spf=pass", true},
		{"comment behind", field + "desk.example(hi); spf=pass", true},
		{"folded", "Authentication-Results:\r\n\tdesk.example\r\n ; spf=pass", true},
		{"version", field + "desk.example 1; spf=pass", true},
		{"version and comments", field + "desk.example (a) 1 (b); spf=pass", true},
		{"quoted", field + `"desk.example"; spf=pass`, true},
		{"quoted with escapes", field + `"d\esk.\example"; spf=pass`, true},
		{"quoted with space", field + `" desk.example "; spf=pass`, true},
		{"dot at the end", field + "desk.example.; spf=pass", true},
		{"full-width dot", field + "desk\uff0eexample; spf=pass", true},
		{"full-width letters", field + "\uff44esk.example; spf=pass", true},
		{"soft hyphen", field + "de\u00adsk.example; spf=pass", true},
		{"no results", field + "desk.example; none", true},
		{"nothing behind", field + "desk.example", true},
		{"a comment without end", field + "(desk.example; spf=pass", true},
		{"a quote without end", field + `"desk.example; spf=pass`, true},
		{"no id", field + "spf=pass; dkim=pass", true},
		{"empty", field, true},
		{"two ids", field + "mx.google.com desk.example; spf=pass", true},
		{"slash", field + "desk.example/1; spf=pass", true},
		{"encoded word", field + "=?utf-8?q?desk=2Eexample?=; spf=pass", true},
		{"control character", field + "desk.\x01example; spf=pass", true},
		{"ARC stays", "ARC-Authentication-Results: i=1; desk.example; spf=pass", false},
		{"other fields stay", "X-Authentication-Results: desk.example; spf=pass", false},
	} {
		h := message.ReadHeader(strings.NewReader(tt.raw+"\r\nFrom: a@example.com\r\n\r\n"), message.Limits{})
		got := distrustedBy("desk.example", h)
		if (len(got) == 1) != tt.want || len(got) > 1 {
			t.Errorf("%s: %q", tt.name, got)
		}
	}
}

func TestDistrustedUnicode(t *testing.T) {
	for _, ours := range []string{"bücher.example", "xn--bcher-kva.example"} {
		for _, theirs := range []string{"bücher.example", "BÜCHER.example", "xn--bcher-kva.example", "XN--BCHER-KVA.EXAMPLE"} {
			h := message.ReadHeader(strings.NewReader("Authentication-Results: "+theirs+"; spf=pass\r\nAuthentication-Results: other.example; spf=pass\r\n\r\n"), message.Limits{})
			got := distrustedBy(ours, h)
			if len(got) != 1 || !strings.HasPrefix(got[0].Value, theirs) {
				t.Errorf("%s for %s: %v", theirs, ours, got)
			}
		}
	}
}

func FuzzDistrusted(f *testing.F) {
	for _, s := range []string{"desk.example; spf=pass", " (a(b)c) DESK.example 1;", `"desk.example";`, "other.example; none", "((((", `"\`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		h := &message.Header{Fields: []message.Field{{Name: "authentication-results", Value: value}, {Name: "Subject", Value: value}}}
		got := distrustedBy("desk.example", h)
		if len(got) > 1 || slices.ContainsFunc(got, func(f message.Field) bool { return f.Name == "Subject" }) {
			t.Fatalf("%q", got)
		}
		// What is let through begins with a clear id that is not ours.
		if len(got) == 0 {
			id, ok := readID(value)
			if !ok || strings.EqualFold(strings.Trim(id, "."), "desk.example") {
				t.Fatalf("let through: %q", value)
			}
		}
	})
}
