package templates

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// A plan writes what its template would, whatever the values.
func TestPlan(t *testing.T) {
	planned := map[string]*executable{}
	for _, language := range Languages() {
		ack := load(t, "", language).pages[Acknowledgement].use
		planned[language+" subject"], planned[language+" text"], planned[language+" HTML"] = ack.subject, ack.text, ack.html
	}
	l := &loader{}
	for _, text := range []string{
		"a{{/* comment */}} {{- .Desk}} <b>{{.Ticket.Tag}}</b>", "{{re .Ticket.Subject}}", "{{lines .Text}}{{quote .Text}}",
		"{{if .Kind}}kind{{else if .Desk}}{{.Desk}}{{end}}",
		"{{with .Kind}}{{.}}{{else with .Desk}}{{re .}}{{else}}{{.Text}}{{end}}",
		"{{with .Kind}}{{if .}}{{with .}}{{quote .}}{{end}}{{end}}{{else}}none{{end}}",
		"{{if re .Kind}}{{with re .Text}}{{.}}{{end}}{{end}}",
	} {
		planned["text "+text] = l.text(Acknowledgement, source{text: text}, false)
		planned["HTML "+text] = l.html(Acknowledgement, source{text: text})
	}
	for name, e := range planned {
		if e == nil || e.plan == nil {
			t.Fatalf("%s has no plan; problems: %v", name, l.problems)
		}
	}
	value := rapid.OneOf(
		rapid.String(), rapid.StringOf(rapid.RuneFrom([]rune("a>&<\"'+` \n\x00\u00fc:"))),
		rapid.SampledFrom([]string{"", "Re: x", "\xff", "{{.Text}}"}),
	)
	rapid.Check(t, func(rt *rapid.T) {
		d := Data{
			Desk: value.Draw(rt, "desk"), Kind: value.Draw(rt, "kind"), Text: value.Draw(rt, "text"),
			Quoted: value.Draw(rt, "quoted"), Signature: value.Draw(rt, "signature"), Requester: Person{value.Draw(rt, "requester")},
			Ticket: Ticket{ID: value.Draw(rt, "id"), Tag: value.Draw(rt, "tag"), Subject: value.Draw(rt, "subject")},
		}
		for name, e := range planned {
			want, got := limited{left: maxOutput}, limited{left: maxOutput}
			if err := e.template.Execute(&want, &d); err != nil {
				rt.Fatal(err)
			}
			err := e.plan.write(&got, reflect.ValueOf(&d).Elem(), "")
			if err != nil || got.String() != want.String() || got.left != want.left {
				rt.Fatalf("%s: %q, %v, want %q", name, got.String(), err, want.String())
			}
		}
	})
}

// What a plan cannot do is left to the template.
func TestNoPlan(t *testing.T) {
	l := &loader{}
	for _, text := range []string{
		"{{.}}", "{{.Unverified}}", "{{if .Unverified}}x{{end}}", "{{range .Attachments}}{{.}}{{end}}",
		"{{$x := .Desk}}{{$x}}", "{{with $x := .Desk}}{{$x}}{{end}}", "{{with .Kind}}{{$.Desk}}{{end}}",
		"{{with .Ticket}}{{.ID}}{{end}}", "{{.Ticket.Fields.serial}}", "{{index .Ticket.Fields .Kind}}", "{{len .Desk}}",
		"{{eq .Desk .Kind}}", `{{"text"}}`, "{{.Desk | re}}", "{{re (re .Desk)}}", "{{true}}",
	} {
		for kind, e := range map[string]*executable{
			"text": l.text(Acknowledgement, source{text: text}, false), "HTML": l.html(Acknowledgement, source{text: text}),
		} {
			if e == nil || e.plan != nil {
				t.Errorf("%s %s: %v; problems: %v", kind, text, e, l.problems)
			}
		}
	}
	for _, text := range []string{
		`<a title="{{.Desk}}">`, `<a href="{{.Desk}}">`, `<p style="color:{{.Desk}}">`, "{{with lines .Text}}{{.}}{{end}}",
	} {
		if e := l.html(Acknowledgement, source{text: text}); e == nil || e.plan != nil {
			t.Errorf("%s: %v; problems: %v", text, e, l.problems)
		}
	}
}
