package mailauth

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadResults(t *testing.T) {
	type props = map[string]string
	one := func(method, result string, p props) []methodResult { return []methodResult{{method, result, p}} }
	for _, tt := range []struct {
		name, value string
		want        []methodResult
	}{
		{"no results", "mx.example.net; none", nil},
		{"a name alone", "mx.example.net", nil},
		{"plain", "mx.example.net; spf=pass smtp.mailfrom=joe@example.com", one("spf", "pass", props{"smtp.mailfrom": "joe@example.com"})},
		{"any case", "MX.Example.NET; SPF=Pass SMTP.MailFrom=Joe@Example.com", one("spf", "pass", props{"smtp.mailfrom": "Joe@Example.com"})},
		{"version", "mx.example.net 1; spf=pass", one("spf", "pass", props{})},
		{"method version", "mx.example.net; spf/1=pass", one("spf", "pass", props{})},
		{"another method version", "mx.example.net; spf/2=pass", nil},
		{"comments everywhere", "(a) mx.example.net (b) 1 (c) ; (d) spf (e) / (f) 1 (g) = (h) pass (i) reason (j) = (k) \"x\" (l) smtp (m) . (n) mailfrom (o) = (p) a@b.example (q)", one("spf", "pass", props{"reason": "x", "smtp.mailfrom": "a@b.example"})},
		{"a nested comment with results in it", `mx.example.net; dkim=fail (x (y) \) ; dmarc=pass header.from=a.example) header.d=b.example`, one("dkim", "fail", props{"header.d": "b.example"})},
		{"a quoted value with results in it", `mx.example.net; dkim=fail reason="; dmarc=pass header.from=a.example" header.d=b.example`, one("dkim", "fail", props{"reason": "; dmarc=pass header.from=a.example", "header.d": "b.example"})},
		{"a quoted local part stays as it is", `mx.example.net; spf=pass smtp.mailfrom="a@b.example"@c.example`, one("spf", "pass", props{"smtp.mailfrom": `"a@b.example"@c.example`})},
		{"folding", "mx.example.net;\r\n\tspf=pass\r\n\tsmtp.mailfrom=a.example", one("spf", "pass", props{"smtp.mailfrom": "a.example"})},
		{"an empty result at the end", "mx.example.net; spf=pass;", one("spf", "pass", props{})},
		{"base64 without quotes", "mx.example.net; dkim=pass header.b=Ab+/cd==", one("dkim", "pass", props{"header.b": "Ab+/cd=="})},
		{"a property without a type", "mx.example.net; dmarc=pass action=none header.from=a.example", one("dmarc", "pass", props{"action": "none", "header.from": "a.example"})},
		{"Gmail", "mx.google.com;\r\n dkim=pass header.i=@a.example header.s=s header.b=Ab3/x;\r\n spf=pass (google.com: domain of x@a.example designates 192.0.2.1 as permitted sender) smtp.mailfrom=x@a.example;\r\n dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=a.example", []methodResult{
			{"dkim", "pass", props{"header.i": "@a.example", "header.s": "s", "header.b": "Ab3/x"}},
			{"spf", "pass", props{"smtp.mailfrom": "x@a.example"}},
			{"dmarc", "pass", props{"header.from": "a.example"}},
		}},
		{"letters beyond ASCII", "mx.example.net; spf=pass smtp.mailfrom=jörg@bücher.example", one("spf", "pass", props{"smtp.mailfrom": "jörg@bücher.example"})},
		{"one thing twice, the same", "mx.example.net; spf=pass smtp.helo=a smtp.helo=a", one("spf", "pass", props{"smtp.helo": "a"})},
	} {
		got, err := readResults(tt.value)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if d := cmp.Diff(tt.want, got.list, cmp.AllowUnexported(methodResult{})); d != "" {
			t.Errorf("%s: %s", tt.name, d)
		}
	}
}

func TestResultsThatAreNotClearAreNotRead(t *testing.T) {
	for _, tt := range []struct {
		value string
		want  error
	}{
		{"", errResultsID},
		{"spf=pass; dkim=pass", errResultsID},
		{"a b; spf=pass", errResultsID},
		{"a 2; spf=pass", errResultsID},
		{"(a; spf=pass", errResultsID},
		{"a; spf", errResultsForm},
		{"a; spf=", errResultsForm},
		{"a; =pass", errResultsForm},
		{"a; spf=pass (x", errResultsForm},
		{"a; spf=pass smtp.mailfrom", errResultsForm},
		{"a; spf=pass smtp.=x", errResultsForm},
		{"a; spf=pass .mailfrom=x", errResultsForm},
		{`a; spf=pass reason="x`, errResultsForm},
		{`a; spf=pass reason="x"y\`, errResultsForm},
		{"a; spf=pass smtp.mailfrom=a)b", errResultsForm},
		{"a; spf=pass smtp.mailfrom=joe(x)@b.example", errResultsForm},
		{"a; spf=pass, dkim=pass", errResultsForm},
		{"a; spf=pass smtp.mailfrom=a.example smtp.mailfrom=b.example", errResultsTwice},
		{"a; spf=pass\x00", errResultsOctet},
		{"a; spf=pass reason=\"\u2028\"", errResultsOctet},
		{"a; spf=pass \xff", errResultsOctet},
		{"a" + strings.Repeat("; spf=pass", maxResults+1), errResultsLong},
		{"a; spf=pass reason=" + strings.Repeat("x", maxResultsValue), errResultsLong},
	} {
		if got, err := readResults(tt.value); !errors.Is(err, tt.want) {
			t.Errorf("%.60q: %+v, %v", tt.value, got, err)
		}
	}
}

// What we write we can read, and what a value holds adds nothing to it.
func FuzzReadResults(f *testing.F) {
	for _, s := range []string{
		"mx.example.net; spf=pass smtp.mailfrom=a@b.example", "a (b(c)) 1; dkim/1=pass header.d=x reason=\"y;z\"", "a; none", "a; dmarc=pass (x\\)) header.from=\"b\"@c; ",
		"\"a\";spf=pass a.b=\"c\"d", "a;;;", "a; spf = pass smtp . mailfrom = <b@c>",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		r, err := readResults(value)
		if err != nil {
			if len(r.list) != 0 || r.id != "" {
				t.Fatalf("%q: %v, yet %+v", value, err, r)
			}
			return
		}
		if len(r.list) > strings.Count(value, ";") {
			t.Fatalf("%q: %d results", value, len(r.list))
		}
		if id, ok := readID(value); !ok || id != r.id {
			t.Fatalf("%q: two names, %q and %q", value, id, r.id)
		}
		for _, one := range r.list {
			if one.method == "" || one.result == "" || strings.ToLower(one.method+one.result) != one.method+one.result {
				t.Fatalf("%q: %+v", value, one)
			}
			for name, v := range one.properties {
				again, err := readResults("id; x=y " + name + "=" + quoteLong(v))
				if err != nil || len(again.list) != 1 || again.list[0].properties[name] != strings.TrimSpace(v) {
					t.Fatalf("%q: %s=%q reads as %+v, %v", value, name, v, again, err)
				}
			}
		}
	})
}

// quoteLong quotes a value of any length and any octets.
func quoteLong(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
