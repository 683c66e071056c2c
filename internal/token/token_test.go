package token

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mxdesk/internal/address"
	"mxdesk/ticketstore"
)

func mustAddr(t testing.TB, s string) address.Address {
	a, err := address.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestRoundTrip(t *testing.T) {
	k := New()
	ann := mustAddr(t, "Ann@Example.org")
	asked := Claim{Ticket: 2139, Person: PersonOf(ann), Audience: ticketstore.AudienceSupplier}
	sent := Claim{Ticket: 2139, Item: 77, Person: PersonOf(ann), Audience: ticketstore.AudienceUser, Agent: true}
	forms := map[string]struct {
		text  string
		parse func(string) (Claim, error)
		want  Claim
	}{
		"reply address": {k.Reply(asked), k.ParseReply, asked},
		"Message-ID":    {k.Message(sent) + "@desk.example", k.ParseMessage, sent},
		"return path":   {k.Bounce(sent), k.ParseBounce, Claim{Ticket: 2139, Item: 77}},
	}
	for name, f := range forms {
		for _, text := range []string{f.text, strings.ToUpper(f.text)} {
			if got, err := f.parse(text); err != nil || got != f.want {
				t.Errorf("%s %s: %+v, %v", name, text, got, err)
			}
		}
		for other, g := range forms {
			if _, err := g.parse(f.text); other != name && err == nil {
				t.Errorf("a %s passes as a %s", name, other)
			}
		}
		if _, err := New().verifyAny(f.text, f.parse); err == nil {
			t.Errorf("%s: another desk's key verifies it", name)
		}
	}
	if got, _ := k.ParseReply(forms["reply address"].text); !got.IssuedTo(mustAddr(t, "ann@example.ORG")) || got.IssuedTo(mustAddr(t, "bob@example.org")) {
		t.Error("IssuedTo does not tell two people apart")
	}
}

// verifyAny parses text with the same form under keyring k.
func (k *Keyring) verifyAny(text string, _ func(string) (Claim, error)) (Claim, error) {
	for _, parse := range []func(string) (Claim, error){k.ParseReply, k.ParseMessage, k.ParseBounce} {
		if c, err := parse(text); err == nil {
			return c, nil
		}
	}
	return Claim{}, ErrInvalid
}

// Every change of a single character makes a token invalid.
func TestAnyChangeIsNoticed(t *testing.T) {
	k := New()
	ann := mustAddr(t, "ann@example.org")
	text := k.Reply(Claim{Ticket: 2139, Person: PersonOf(ann), Audience: ticketstore.AudienceUser})
	good, err := k.ParseReply(text)
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(text) {
		for _, c := range "abcdefghijklmnopqrstuvwxyz0123456789." {
			bad := text[:i] + string(c) + text[i+1:]
			if bad == text {
				continue
			}
			if got, err := k.ParseReply(bad); err == nil && got != good {
				t.Errorf("%s passes and says %+v", bad, got)
			}
		}
	}
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	first, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := second.ParseBounce(first.Bounce(Claim{Ticket: 1, Item: 2})); err != nil {
		t.Errorf("after a restart: %v", err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("keys readable by others: %v", err)
	}
}

// An empty file, whatever its mode, is filled with new keys; one with anything
// else in it is left alone.
func TestLoadEmpty(t *testing.T) {
	tests := []struct {
		name, content string
		want          string // part of the error, or none
	}{
		{"empty", "", ""},
		{"a line end", "\n", ""},
		{"zeros, as after a crash", "\x00\x00", "damaged"},
		{"no keys", `{"keys":[]}`, "holds no key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "keys.json")
			mode := os.FileMode(0o600)
			if tt.want == "" {
				mode = 0o644 // there is no secret in it yet
			}
			if err := os.WriteFile(path, []byte(tt.content), mode); err != nil {
				t.Fatal(err)
			}
			first, err := Load(path)
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %v, want %q in it", err, tt.want)
				}
				if raw, _ := os.ReadFile(path); string(raw) != tt.content {
					t.Errorf("the file was changed: %q", raw)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			st, err := os.Stat(path)
			if err != nil || st.Mode().Perm() != 0o600 {
				t.Errorf("the new file: %v, %v", st.Mode(), err)
			}
			second, err := Load(path)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := second.ParseBounce(first.Bounce(Claim{Ticket: 1, Item: 2})); err != nil {
				t.Errorf("after a restart: %v", err)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	k := New()
	f.Add(k.Bounce(Claim{Ticket: 1, Item: 2}))
	f.Add("2139.abc")
	f.Fuzz(func(t *testing.T, s string) {
		for _, parse := range []func(string) (Claim, error){k.ParseReply, k.ParseMessage, k.ParseBounce} {
			if c, err := parse(s); err == nil && c.Ticket == 0 {
				t.Errorf("%q is valid for no ticket", s)
			}
		}
	})
}
