package message

import (
	"fmt"
	"strings"
	"testing"

	"mxdesk/internal/address"
)

// replyCase is an answer as a mail program writes it. fresh is the new part.
type replyCase struct {
	name, raw string
	fresh     string
	forwarded *Forwarded
	text      bool // Forwarded.Text is compared
}

// answerTexts are what people write.
var answerTexts = []string{
	"Thanks, that works now.",
	"Hello Max,\n\nthe printer still burns. I pulled the plug at 10:30 and called +1 555 0100.\nWhat next?\n\nBest regards\nAnn",
	"1. Yes, on Monday 15 January 2024 I wrote to you.\n2. No: see https://example.org/a?b=c\n\n- one\n- two:\n  three",
}

const old = "Please pull the plug.\n\nIt is on the left: the black one.\nMax"

func marked(text string) string { return "> " + strings.ReplaceAll(text, "\n", "\n> ") }

// wrapAt breaks a line at a blank before a width, as senders do.
func wrapAt(line string, width int) string {
	var out []string
	for len(line) > width {
		i := strings.LastIndexByte(line[:width], ' ')
		if i <= 0 {
			break
		}
		out = append(out, line[:i])
		line = line[i+1:]
	}
	return strings.Join(append(out, line), "\n")
}

func answerMail(subject, text string) string {
	return "Subject: " + subject + "\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nIn-Reply-To: <1@desk.example>\n\n" + text
}

func htmlMail(subject, html string) string {
	return "Subject: " + subject + "\nMIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\n\n" + html
}

func htmlLines(text string) string {
	text = strings.NewReplacer("<", "&lt;", ">", "&gt;").Replace(text)
	return "<div>" + strings.ReplaceAll(strings.ReplaceAll(text, "\n\n", "\n<br>\n"), "\n", "</div>\n<div>") + "</div>"
}

// byAttribution are answers below which an attribution stands.
func byAttribution(code string, d *dialect, own string) (list []replyCase) {
	add := func(form string, i int, text string) {
		list = append(list, replyCase{name: fmt.Sprintf("%s/attribution %d/%s", code, i, form), raw: answerMail(d.answer+": x", text), fresh: own})
	}
	for i, a := range d.attributions {
		add("marked", i, own+"\n\n"+a+"\n\n"+marked(old)+"\n")
		add("marked, close", i, own+"\n"+a+"\n"+marked(old)+"\n")
		add("not marked", i, own+"\n\n"+a+"\n\n"+old+"\n")
		add("wrapped at 76", i, own+"\n\n"+wrapAt(a, 76)+"\n"+marked(old)+"\n")
		add("wrapped at 40", i, own+"\n\n"+wrapAt(a, 40)+"\n\n"+marked(old)+"\n")
		add("with a signature", i, own+"\n\n-- \nAnn Archer\nArcher & Sons\n\n"+a+"\n"+marked(old)+"\n")
		add("nothing below", i, own+"\n\n"+a+"\n")
		list = append(list, replyCase{
			name:  fmt.Sprintf("%s/attribution %d/Gmail in HTML", code, i),
			raw:   htmlMail(d.answer+": x", htmlLines(own)+`<br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">`+htmlLines(a)+`<br></div><blockquote class="gmail_quote">`+htmlLines(old)+`</blockquote></div>`),
			fresh: own,
		}, replyCase{
			name:  fmt.Sprintf("%s/attribution %d/below, answered at the end", code, i),
			raw:   answerMail(d.answer+": x", a+"\n"+marked(old)+"\n\n"+own+"\n"),
			fresh: own,
		})
	}
	return list
}

// byBlock are answers below which the header of the other mail stands.
func byBlock(code string, d *dialect, own string) (list []replyCase) {
	block := func(before, after, between string) string {
		lines := []string{}
		for _, l := range [][2]string{{d.from, muster}, {d.sent, d.date}, {d.to, "Ann Archer <ann@example.org>"}, {d.subject, "Plug"}} {
			lines = append(lines, before+l[0]+":"+after+" "+l[1])
		}
		return strings.Join(lines, between)
	}
	line := strings.Repeat("_", 32)
	for form, text := range map[string]string{
		"Outlook":               block("", "", "\n"),
		"Outlook, bold":         block("*", "*", "\n"),
		"Outlook, blank lines":  block("", "", "\n\n"),
		"Outlook.com":           line + "\n" + block("", "", "\n"),
		"Outlook, original":     "-----" + d.original + "-----\n" + block("", "", "\n"),
		"phone, original":       "-------- " + d.original + " --------\n" + block("", "", "\n"),
		"Proton, original":      "‐‐‐‐‐‐‐ " + d.original + " ‐‐‐‐‐‐‐\n" + d.attributions[0] + "\n",
		"colon far away":        strings.ReplaceAll(block("", "", "\n"), ": ", " : "),
		"without the address":   strings.Replace(block("", "", "\n"), " <max@muster.example>", "", 1),
		"Outlook, subject last": "--------------\n" + block("", "", "\n"),
	} {
		list = append(list, replyCase{name: code + "/" + form, raw: answerMail(d.answer+": x", own+"\n\n"+text+"\n\n"+old+"\n"), fresh: own})
	}
	rich := strings.ReplaceAll(htmlLines(block("", "", "\n")), d.from+":", "<b>"+d.from+":</b>")
	return append(
		list,
		replyCase{name: code + "/Outlook in HTML", raw: htmlMail(d.answer+": x", htmlLines(own)+`<div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm">`+rich+"</div>"+htmlLines(old)), fresh: own},
		replyCase{name: code + "/Outlook.com in HTML", raw: htmlMail(d.answer+": x", htmlLines(own)+`<div id="appendonsend"></div><hr tabindex="-1"><div id="divRplyFwdMsg">`+rich+"</div>"+htmlLines(old)), fresh: own},
	)
}

// byPhone are answers from telephones.
func byPhone(code string, d *dialect, own string) (list []replyCase) {
	for i, p := range d.phone {
		name := fmt.Sprintf("%s/phone %d", code, i)
		list = append(
			list,
			replyCase{name: name, raw: answerMail(d.answer+": x", own+"\n\n"+p+"\n"), fresh: own},
			replyCase{name: name + "/quoted", raw: answerMail(d.answer+": x", own+"\n\n"+p+"\n\n"+d.attributions[0]+"\n\n"+marked(old)+"\n"), fresh: own},
			replyCase{name: name + "/not marked", raw: answerMail(d.answer+": x", own+"\n\n"+p+"\n\n"+old+"\n"), fresh: own},
		)
	}
	return list
}

// byForward are mails that are passed on.
func byForward(code string, d *dialect) (list []replyCase) {
	want := &Forwarded{Date: "2024-01-15T10:30:00Z", Subject: "Plug", Text: old}
	want.From.Name, want.From.Address = "Max Muster", must(musterID)
	block := d.from + ": " + muster + "\n" + d.sent + ": " + d.date + "\n" + d.to + ": Ann Archer <ann@example.org>\n" + d.subject + ": Plug\n\n"
	for form, text := range map[string]string{
		"Outlook":        block + old,
		"Outlook, rule":  strings.Repeat("_", 32) + "\n" + block + old,
		"Outlook, words": "FYI, see below.\n\nAnn\n\n" + block + old,
		"Gmail":          "---------- Forwarded message ---------\n" + block + old,
		"Thunderbird":    "See this.\n\n-------- " + d.forward + " --------\n" + block + old,
		"Apple Mail":     d.begin + "\n\n" + marked(block+old),
	} {
		list = append(list, replyCase{name: code + "/forward/" + form, raw: "Date: Tue, 16 Jan 2024 09:00:00 +0000\n" + answerMail(d.passOn+": Plug", text), fresh: text, forwarded: want, text: true})
	}
	return list
}

func TestClients(t *testing.T) {
	total, passed := map[string]int{}, map[string]int{}
	for code := range dialects {
		d := dialects[code]
		var list []replyCase
		for _, own := range answerTexts {
			list = append(list, byAttribution(code, &d, own)...)
			list = append(list, byBlock(code, &d, own)...)
			list = append(list, byPhone(code, &d, own)...)
		}
		list = append(list, byForward(code, &d)...)
		for _, c := range list {
			total[code]++
			if diff := c.diff(t); diff != "" {
				t.Errorf("%s: %s", c.name, diff)
				continue
			}
			passed[code]++
		}
	}
	sum, all := 0, 0
	for code, n := range total {
		sum, all = sum+passed[code], all+n
	}
	t.Logf("%d of %d answers in %d languages are split exactly", sum, all, len(total))
}

func (c *replyCase) diff(t *testing.T) string {
	m := read(c.raw)
	checkNothingLost(t, m.Text, m.Fresh, m.Quoted, m.Signature)
	switch {
	case m.Fresh != strings.TrimSpace(c.fresh) && (!strings.Contains(c.raw, "text/html") || squash(m.Fresh) != squash(c.fresh)):
		return fmt.Sprintf("fresh %q\nquoted %q\nsignature %q", m.Fresh, m.Quoted, m.Signature)
	case c.forwarded == nil && m.Forwarded != nil:
		return fmt.Sprintf("forwarded %+v", m.Forwarded)
	case c.forwarded != nil && (m.Forwarded == nil || *m.Forwarded != *c.forwarded):
		return fmt.Sprintf("forwarded %+v", m.Forwarded)
	}
	return ""
}

func must(s string) address.Address {
	a, err := address.Parse(s)
	if err != nil {
		panic(err)
	}
	return a
}
