package message

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestReplies(t *testing.T) {
	type parts struct {
		Fresh, Quoted, Signature string
		Inline                   bool
	}
	for name, c := range map[string]struct {
		text string
		want parts
	}{
		"nothing quoted":                {"hello\nyou", parts{"hello\nyou", "", "", false}},
		"above":                         {"new\n\nOn Mon, 2 Jan 2023 at 10:00, A B <a@x.org> wrote:\n\n> old", parts{"new", "On Mon, 2 Jan 2023 at 10:00, A B <a@x.org> wrote:\n\n> old", "", false}},
		"below":                         {"A B wrote on 2 Jan 2023:\n> old\n\nnew", parts{"new", "A B wrote on 2 Jan 2023:\n> old", "", false}},
		"below, attributed":             {"On 2 Jan 2023, A B wrote:\n> old\n\nnew", parts{"new", "On 2 Jan 2023, A B wrote:\n> old", "", false}},
		"between":                       {"> one?\nyes\n> two?\nno\n> three", parts{"> one?\nyes\n> two?\nno", "> three", "", true}},
		"signature":                     {"new\n-- \nme\n+1", parts{"new", "", "-- \nme\n+1", false}},
		"signature above the quotation": {"new\n-- \nme\n\nAm 02.01.2023 um 10:00 schrieb A B:\n> old", parts{"new", "Am 02.01.2023 um 10:00 schrieb A B:\n> old", "-- \nme", false}},
		"telephone":                     {"new\n\nVon meinem iPhone gesendet", parts{"new", "", "Von meinem iPhone gesendet", false}},
		"Outlook":                       {"new\n\n________________________________\nFrom: A <a@x.org>\nSent: Monday\nTo: B\nSubject: s\n\nold", parts{"new", "________________________________\nFrom: A <a@x.org>\nSent: Monday\nTo: B\nSubject: s\n\nold", "", false}},
		"Outlook in Swedish":            {"ny\n\nFrån: A <a@x.org>\nSkickat: måndag\nTill: B\nÄmne: s\n\ngammal", parts{"ny", "Från: A <a@x.org>\nSkickat: måndag\nTill: B\nÄmne: s\n\ngammal", "", false}},
		"a journey":                     {"I travel\nFrom: Paris\nTo: Rome\nDate: May\nthanks", parts{"I travel\nFrom: Paris\nTo: Rome\nDate: May\nthanks", "", "", false}},
		"a sentence":                    {"On Monday we wrote:\nall is well", parts{"On Monday we wrote:\nall is well", "", "", false}},
		"forwarded":                     {"see below\n\n---------- Forwarded message ---------\nFrom: A <a@x.org>\nDate: d\nSubject: s\nTo: b@x.org\n\nold", parts{"see below\n\n---------- Forwarded message ---------\nFrom: A <a@x.org>\nDate: d\nSubject: s\nTo: b@x.org\n\nold", "", "", false}},
		"broken attribution":            {"new\n\nOn Mon, 2 Jan 2023,\nA B\n<a@x.org> wrote:\n> old", parts{"new", "On Mon, 2 Jan 2023,\nA B\n<a@x.org> wrote:\n> old", "", false}},
		"CRLF":                          {"new\r\n\r\n> old\r\n", parts{"new", "> old", "", false}},
		"only a quotation":              {"> old", parts{"", "> old", "", false}},
		"empty":                         {"", parts{}},
	} {
		t.Run(name, func(t *testing.T) {
			var got parts
			got.Fresh, got.Quoted, got.Signature, got.Inline = ReadText(c.text)
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
			checkNothingLost(t, cleanText(c.text), got.Fresh, got.Quoted, got.Signature)
		})
	}
}

// TestAnswerBelow: a program draws a line above the other mail and marks that
// mail's lines, too; what stands below them is new.
func TestAnswerBelow(t *testing.T) {
	m := read("Subject: Re: x\nIn-Reply-To: <1@x.org>\n\n------- Original Message -------\nOn Monday, January 15th, 2024 at 10:30 AM, Max <max@x.org> wrote:\n> old\n\nnew")
	if m.Fresh != "new" || !strings.Contains(m.Quoted, "> old") {
		t.Errorf("fresh %q, quoted %q", m.Fresh, m.Quoted)
	}
}

func TestMarker(t *testing.T) {
	for name, c := range map[string]struct {
		text, above string
		inline      bool
	}{
		"plain":            {"new\n\n" + Marker + "\n\nold", "new", false},
		"quoted":           {"new\n\nOn 2 Jan 2023, Desk <d@x.org> wrote:\n> " + Marker + "\n> old", "new", false},
		"blank lines":      {"new\n\nOn 2 Jan 2023, Desk <d@x.org> wrote:\n\n> \n> " + Marker + "\n> old", "new", false},
		"wrapped":          {"new\nOn 2 Jan 2023, Desk <d@x.org>\nwrote:\n> ##- Please type your answer\n> above this line -##\n> old", "new", false},
		"Outlook":          {"new\n\n-----Original Message-----\nFrom: Desk <d@x.org>\nSent: Monday\nTo: A\nSubject: s\n\n" + Marker + "\nold", "new", false},
		"Outlook, no rule": {"new\n\nVon: Desk <d@x.org>\nGesendet: Montag\nAn: A\nBetreff: s\n\n" + Marker + "\nold", "new", false},
		"signature":        {"new\n-- \nme\n\n" + Marker + "\nold", "new\n-- \nme", false},
		"answers below":    {"see below\n\nOn 2 Jan 2023, Desk wrote:\n> " + Marker + "\n> one?\nYes.\n> two?", "see below", true},
		"first line":       {Marker + "\nold", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			m := read("Subject: x\n\n" + c.text)
			if !m.HasMarker || m.Above != c.above || m.Inline != c.inline {
				t.Errorf("HasMarker %t, Above %q, Inline %t", m.HasMarker, m.Above, m.Inline)
			}
			checkNothingLost(t, m.Text, m.Fresh, m.Quoted, m.Signature)
		})
	}
	if m := read("Subject: x\n\n##- not ours -##"); m.HasMarker {
		t.Error("another marker is taken for ours")
	}
}

func TestHTMLReply(t *testing.T) {
	m := read("Content-Type: text/html\n\n<div>new</div><div class=gmail_quote><div class=gmail_attr>On Mon, 2 Jan 2023 at 10:00, A &lt;a@x.org&gt; wrote:<br></div><blockquote>old</blockquote></div>")
	if m.Fresh != "new" || !strings.Contains(m.Quoted, "> old") {
		t.Errorf("Fresh %q, Quoted %q", m.Fresh, m.Quoted)
	}
}

func TestForwardedFrom(t *testing.T) {
	for v, want := range map[string]string{
		"A B <a@x.org>":                         "A B|a@x.org",
		`"B, A" <a@x.org>`:                      "B, A|a@x.org",
		"A B [mailto:a@x.org]":                  "A B|a@x.org",
		"A B<mailto:a@x.org>":                   "A B|a@x.org",
		"A B <a@x.org<mailto:a@x.org>>":         "A B|a@x.org",
		"a@x.org<mailto:a@x.org>":               "|a@x.org",
		"A B (a@x.org)":                         "A B|a@x.org",
		"a@x.org":                               "|a@x.org",
		"a@x.org <a@x.org>":                     "a@x.org|a@x.org",
		"A B":                                   "A B|",
		"\u202aA B\u202c\u200f <\u202aa@x.org>": "A B|a@x.org",
		"":                                      "|",
	} {
		m := forwardedFrom(v)
		if got := m.Name + "|" + m.Address.String(); got != want {
			t.Errorf("%q: %q, want %q", v, got, want)
		}
	}
}

func TestHumanDate(t *testing.T) {
	home := time.FixedZone("", 3600)
	for v, want := range map[string]string{
		"Mon, Jan 15, 2024 at 10:30 AM":              "2024-01-15T10:30:00+01:00",
		"Mon, 15 Jan 2024 10:30:05 -0800":            "2024-01-15T10:30:05-08:00",
		"Monday, January 15, 2024 10:30 PM":          "2024-01-15T22:30:00+01:00",
		"1/15/2024 12:05 AM":                         "2024-01-15T00:05:00+01:00",
		"15/01/2024 10:30":                           "2024-01-15T10:30:00+01:00",
		"15/01/24  10:30  (GMT+02:00)":               "2024-01-15T10:30:00+02:00",
		"2024-01-15 10:30:00 UTC":                    "2024-01-15T10:30:00Z",
		"Dienstag, 5. März 2024 um 08:05:00 Uhr MEZ": "2024-03-05T08:05:00+01:00",
		"mar. 15 oct. 2024 10h30":                    "2024-10-15T10:30:00+01:00",
		"mar., 15 ene 2024 a las 10:30":              "2024-01-15T10:30:00+01:00",
		"2024年1月15日(月) 午後3:05":                       "2024-01-15T15:05:00+01:00",
		"2024년 1월 15일 월요일 오후 3:05":                   "2024-01-15T15:05:00+01:00",
		"Th 2, 15 thg 1, 2024 lúc 10:30":             "2024-01-15T10:30:00+01:00",
		"١٥ يناير ٢٠٢٤ ١٠:٣٠":                        "2024-01-15T10:30:00+01:00",
		"15 січ. 2024 р. о 10:30":                    "2024-01-15T10:30:00+01:00",
		"15. Januar 2024":                            "2024-01-15T00:00:00+01:00",
		"yesterday":                                  "",
		"31.02.2024 10:30":                           "",
		"2024":                                       "",
		"":                                           "",
	} {
		got := ""
		if d, ok := humanDate(v, home); ok {
			got = d.Format(time.RFC3339)
		}
		if got != want {
			t.Errorf("%q: %q, want %q", v, got, want)
		}
	}
}

func TestForwarded(t *testing.T) {
	for name, c := range map[string]struct {
		raw  string
		want string // address|subject, "" for none
	}{
		"Gmail":                       {"Subject: Fwd: s\n\n---------- Forwarded message ---------\nFrom: A B <a@x.org>\nDate: d\nSubject: s\nTo: b@x.org\n\nold", "a@x.org|s"},
		"Outlook":                     {"Subject: WG: s\n\nVon: A B [mailto:a@x.org]\nGesendet: Montag\nAn: B\nBetreff: s\n\nold", "a@x.org|s"},
		"Apple":                       {"Subject: Fwd: s\n\nBegin forwarded message:\n\n> From: A B <a@x.org>\n> Subject: s\n> Date: d\n> To: b@x.org\n>\n> old", "a@x.org|s"},
		"without the subject":         {"Subject: see this\n\n-------- Forwarded Message --------\nSubject: s\nDate: d\nFrom: A B <a@x.org>\nTo: b@x.org\n\nold", "a@x.org|s"},
		"a reply":                     {"Subject: Re: s\n\nnew\n\nFrom: A B <a@x.org>\nSent: d\nTo: b\nSubject: s\n\nold", ""},
		"a reply to a forwarded mail": {"Subject: Re: Fwd: s\n\nnew\n\nOn 2 Jan 2023, C wrote:\n> ---------- Forwarded message ---------\n> From: A B <a@x.org>\n> Subject: s", ""},
		"tag before":                  {"Subject: [ID:0002139] FW: s\n\nFrom: A B <a@x.org>\nSent: d\nTo: b\nSubject: s\n\nold", "a@x.org|s"},
	} {
		t.Run(name, func(t *testing.T) {
			m := read(c.raw)
			got := ""
			if m.Forwarded != nil {
				got = m.Forwarded.From.Address.String() + "|" + m.Forwarded.Subject
			}
			if got != c.want {
				t.Errorf("Forwarded = %q, want %q", got, c.want)
			}
			if c.want != "" && !strings.Contains(m.Fresh, "old") {
				t.Errorf("what is passed on is not in Fresh: %q", m.Fresh)
			}
		})
	}
}
