package message

import (
	"regexp"
	"strings"
	"testing"
)

// wantReply is what a case of the folder reply expects of the new part: the
// whole of it, or expressions that it matches.
type wantReply struct {
	Reply   *string
	Matches []string `json:"reply_matches"`
}

func (w *wantReply) diff(t *testing.T, fresh string) string {
	if w.Reply != nil && squash(*w.Reply) != squash(fresh) {
		return "fresh: " + fresh
	}
	for _, m := range w.Matches {
		re, err := regexp.Compile("(?m)" + strings.ReplaceAll(m, `\/`, "/"))
		if err != nil {
			t.Fatal(err)
		}
		if !re.MatchString(fresh) {
			return "no match for " + m + " in: " + fresh
		}
	}
	return ""
}

func TestCorpusReply(t *testing.T) {
	s := score{known: map[string]string{
		"crisp-email_2": "answers between quoted lines are kept",
	}}
	for _, file := range corpusFiles(t, "reply", ".txt") {
		var want wantReply
		text := cleanText(string(readFile(t, file)))
		fresh, quoted, signature, _ := ReadText(text)
		checkNothingLost(t, text, fresh, quoted, signature)
		if expected(t, file, &want) {
			s.result(t, caseName(file), want.diff(t, fresh))
		}
	}
	s.report(t, 62)
}

// checkNothingLost checks that each line of a text is in one of its parts.
func checkNothingLost(t *testing.T, text, fresh, quoted, signature string) {
	t.Helper()
	count := map[string]int{}
	for _, part := range []string{fresh, quoted, signature} {
		for line := range strings.SplitSeq(part, "\n") {
			count[line]++
		}
	}
	for line := range strings.SplitSeq(text, "\n") {
		if blank(line) {
			continue
		}
		if count[line]--; count[line] < 0 {
			t.Errorf("line %q is in none of the parts, or not often enough", line)
		}
	}
}
