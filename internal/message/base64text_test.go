package message

import "testing"

// TestCalledBase64 reads text that is not encoded although its header says so,
// and such that is, however badly.
func TestCalledBase64(t *testing.T) {
	for text, want := range map[string]string{
		"This is plain text, after all.":                 "This is plain text, after all.",
		"Guten Tag\nder Drucker geht nicht mehr":         "Guten Tag\nder Drucker geht nicht mehr",
		"SGVsbG8gd29ybGQ=":                               "Hello world",
		"SGVs!bG8*gd29y\n bGQ":                           "Hello world",
		"SGVs bG8g d29y bGQ=":                            "Hello world",
		"SGVsbG8gd29ybGQ=\n\nfoot of a list with a text": "Hello world\nfoot of a list with a text",
	} {
		m := read("Subject: x\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n" + text + "\n")
		if m.Text != want {
			t.Errorf("%q is read as %q %q, want %q", text, m.Text, m.Problems, want)
		}
	}
}
