package message

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// wantBounce is what a case of the folder bounce expects, in the shapes of two
// suites.
type wantBounce struct {
	IsBounce bool `json:"is_bounce"`
	Found    []struct {
		Recipients []string
		Temporary  bool
	}
	Details []struct {
		Status string
		Reason string
		Hard   bool
	}
}

func (w *wantBounce) diff(m *Message) string {
	if got := m.Class == Bounce; got != w.IsBounce {
		return fmt.Sprintf("class %s (%v), want bounce: %t", m.Class, m.Reasons, w.IsBounce)
	}
	if !w.IsBounce {
		return ""
	}
	if m.Bounce == nil {
		return "no report"
	}
	var got []string
	for _, r := range m.Bounce.Recipients {
		got = append(got, strings.ToLower(r.Address)+" "+r.Status+" "+r.Kind)
	}
	for _, f := range w.Found {
		if d := w.recipientDiff(m, f.Recipients, f.Temporary); d != "" {
			return d + fmt.Sprintf("; got %q", got)
		}
	}
	if w.Details != nil && len(w.Details) != len(got) {
		return fmt.Sprintf("got %q, want %d recipients", got, len(w.Details))
	}
	for i, d := range w.Details {
		r := m.Bounce.Recipients[i]
		if d.Status != "" && !strings.HasSuffix(d.Status, ".0.0") && r.Status != d.Status {
			return fmt.Sprintf("status %q (%s), want %q", r.Status, r.Reply, d.Status)
		}
	}
	return ""
}

// kindDiff compares what the failure means.
func (w *wantBounce) kindDiff(m *Message) string {
	if m.Bounce == nil || len(m.Bounce.Recipients) != len(w.Details) {
		return "not the same recipients"
	}
	for i, d := range w.Details {
		r := m.Bounce.Recipients[i]
		if hard := r.Kind == "hard"; hard != d.Hard {
			return fmt.Sprintf("%s %s is %s (%s), want hard: %t, %s", r.Address, r.Status, r.Kind, r.Reply, d.Hard, d.Reason)
		}
		if full := d.Reason == "mailboxfull"; full != (r.Kind == "full") {
			return fmt.Sprintf("%s is %s (%s), want %s", r.Address, r.Kind, r.Reply, d.Reason)
		}
	}
	return ""
}

func (w *wantBounce) recipientDiff(m *Message, want []string, temporary bool) string {
	var got []string
	for _, r := range m.Bounce.Recipients {
		got = append(got, strings.ToLower(r.Address))
		if temp := r.Action == "delayed"; temp != temporary && slices.Contains(want, r.Address) {
			return fmt.Sprintf("%s: temporary %t, want %t", r.Address, temp, temporary)
		}
	}
	for _, a := range want {
		if !slices.Contains(got, strings.ToLower(a)) {
			return a + " is missing"
		}
	}
	if len(got) > len(want) {
		return "more recipients than failed"
	}
	return ""
}

func TestCorpusBounce(t *testing.T) {
	const words = "the words say that there is no such user, which is hard here; the suite weighs the host and the command as well"
	s := score{known: map[string]string{
		"flufl-yale_01":      "only the local part is named; the suite guesses two domains, we take the reporting system's",
		"sisimai-rfc3464-01": "the words contradict the report: they name <nekochan> without a domain, whom the report does not know",
	}}
	kinds := score{known: map[string]string{
		"sisimai-lhost-amazonses-02": words,
		"sisimai-lhost-postfix-01":   words,
		"sisimai-lhost-postfix-03":   words,
		"sisimai-lhost-sendmail-02":  words,
		"sisimai-rfc3464-01":         "the words speak of a full disk, the report of an unknown user, which is hard; the suite takes the words for both recipients",
	}}
	for _, file := range corpusFiles(t, "bounce", ".eml") {
		m := readAll(readFile(t, file))
		var want wantBounce
		if expected(t, file, &want) {
			s.result(t, caseName(file), want.diff(m))
			if want.IsBounce && want.Details != nil {
				kinds.result(t, caseName(file), want.kindDiff(m))
			}
			continue
		}
		if m.Class != Bounce && m.Class != Disposition && m.Class != Notification {
			t.Errorf("%s: class %s", filepath.Base(file), m.Class)
		}
	}
	s.report(t, 54)
	kinds.reportAs(t, "Bounce: kinds", 22)
}

func TestCorpusAutoReply(t *testing.T) {
	s := score{}
	for _, file := range corpusFiles(t, "autoreply", ".eml") {
		var want struct {
			IsAutoReply bool `json:"is_auto_reply"`
		}
		if !expected(t, file, &want) {
			continue
		}
		m := readAll(readFile(t, file))
		diff := ""
		if (m.Class == AutoReply) != want.IsAutoReply {
			diff = fmt.Sprintf("class %s %v", m.Class, m.Reasons)
		}
		s.result(t, caseName(file), diff)
	}
	s.report(t, 3)
}

// TestCorpusBroken reads mail as real senders break it: each must give
// something to read, or an attachment.
func TestCorpusBroken(t *testing.T) {
	s := score{known: map[string]string{
		"flanker-false-multipart": "it has no body",
		"mail-header-only":        "it has no body",
	}}
	for _, file := range corpusFiles(t, "broken", ".eml") {
		m := readAll(readFile(t, file))
		diff := ""
		if m.Text == "" && len(m.Attachments) == 0 {
			diff = fmt.Sprintf("blank; problems %q", m.Problems)
		}
		s.result(t, caseName(file), diff)
	}
	s.report(t, 84)
}
