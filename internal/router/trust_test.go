package router

import (
	"fmt"
	"strings"
	"testing"

	"mxdesk/ticketstore"
)

// trustTable is what the design says, cell by cell. The last four columns are
// the tokens: own, somebody else's, invalid, none.
//
// An agent acts when aligned and only then; merely claimed is held, and while
// DNS cannot say, the sender's server keeps the mail. A supplier files when
// aligned or with an own token. A user's update needs an own token, or to
// belong without having failed. Whoever else quotes a ticket opens one of their
// own. What failed and quotes a ticket is held, an own token excepted.
const trustTable = `
agent     party     aligned     act   act   act   act
agent     party     none        hold  hold  hold  hold
agent     party     fail        hold  hold  hold  hold
agent     party     temperror   retry retry retry retry
agent     outsider  aligned     act   act   act   act
agent     outsider  none        hold  hold  hold  hold
agent     outsider  fail        hold  hold  hold  hold
agent     outsider  temperror   retry retry retry retry

supplier  party     aligned     file  file  file  file
supplier  party     none        file  hold  hold  hold
supplier  party     fail        file  hold  hold  hold
supplier  party     temperror   file  hold  hold  hold
supplier  outsider  aligned     file  open  open  open
supplier  outsider  none        file  open  open  open
supplier  outsider  fail        file  hold  hold  hold
supplier  outsider  temperror   file  open  open  open

user      party     aligned     file  file  file  file
user      party     none        file  file  file  file
user      party     fail        file  hold  hold  hold
user      party     temperror   file  file  file  file
user      outsider  aligned     file  open  open  open
user      outsider  none        file  open  open  open
user      outsider  fail        file  hold  hold  hold
user      outsider  temperror   file  open  open  open

unknown   party     aligned     file  file  file  file
unknown   party     none        file  file  file  file
unknown   party     fail        file  hold  hold  hold
unknown   party     temperror   file  file  file  file
unknown   outsider  aligned     file  open  open  open
unknown   outsider  none        file  open  open  open
unknown   outsider  fail        file  hold  hold  hold
unknown   outsider  temperror   file  open  open  open
`

func TestTrust(t *testing.T) {
	want := map[string]string{}
	for line := range strings.Lines(trustTable) {
		f := strings.Fields(line)
		for i := 3; i < len(f); i++ {
			want[cell(f[0], f[1], f[2], string(Tokens[i-3]))] = f[i]
		}
	}
	if got := fmt.Sprint(Tokens); got != "[own other invalid none]" {
		t.Fatalf("the table's columns are not the tokens: %s", got)
	}
	cells := 0
	for _, role := range Roles {
		for _, party := range []string{"party", "outsider"} {
			for _, auth := range ticketstore.Auths {
				for _, tok := range Tokens {
					cells++
					name := cell(string(role), party, string(auth), string(tok))
					may := Trust(auth, tok, role, party == "party")
					t.Logf("%s -> %s", name, may)
					if string(may) != want[name] {
						t.Errorf("%s -> %s, want %q", name, may, want[name])
					}
					if may == MayAct && (role != RoleAgent || auth != ticketstore.AuthAligned) {
						t.Errorf("%s acts", name)
					}
				}
			}
		}
	}
	if cells != 128 || len(want) != 128 {
		t.Errorf("%d cells, %d expected ones; want 128", cells, len(want))
	}
}

func cell(role, party, auth, tok string) string {
	return fmt.Sprintf("%-9s %-9s %-10s %-8s", role, party, auth, tok)
}

// admitTable is for mail that points to no ticket. The columns are what the
// sender's domain asks for: none, quarantine, reject, and nothing at all.
// Roles that are not listed are all but agent.
const admitTable = `
agent   -       aligned    open  open  open  open
agent   hold    aligned    open  open  open  open
agent   ticket  aligned    open  open  open  open
agent   -       none       hold  hold  hold  hold
agent   hold    none       hold  hold  hold  hold
agent   ticket  none       hold  hold  hold  hold
agent   -       fail       hold  hold  hold  hold
agent   hold    fail       hold  hold  hold  hold
agent   ticket  fail       hold  hold  hold  hold
agent   -       temperror  retry retry retry retry
agent   hold    temperror  retry retry retry retry
agent   ticket  temperror  retry retry retry retry

others  -       aligned    open  open  open  open
others  hold    aligned    open  open  open  open
others  ticket  aligned    open  open  open  open
others  -       none       open  open  open  open
others  hold    none       open  open  open  open
others  ticket  none       open  open  open  open
others  -       fail       open  hold  hold  open
others  hold    fail       hold  hold  hold  hold
others  ticket  fail       open  open  open  open
others  -       temperror  open  open  open  open
others  hold    temperror  open  open  open  open
others  ticket  temperror  open  open  open  open
`

func TestAdmit(t *testing.T) {
	asks := []string{"none", "quarantine", "reject", ""}
	cells := 0
	for line := range strings.Lines(admitTable) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		roles, failed := []Role{RoleAgent}, strings.TrimPrefix(f[1], "-")
		if f[0] == "others" {
			roles = []Role{RoleUser, RoleSupplier, RoleUnknown}
		}
		for _, role := range roles {
			for i, ask := range asks {
				cells++
				may := Admit(ticketstore.Auth(f[2]), role, failed, ask)
				t.Logf("%-9s failed=%-7q %-10s domain asks for %-12q -> %s", role, failed, f[2], ask, may)
				if string(may) != f[3+i] {
					t.Errorf("%s, failed=%q, %s, domain asks for %q: %s, want %s", role, failed, f[2], ask, may, f[3+i])
				}
			}
		}
	}
	if cells != 4*3*4*4 {
		t.Errorf("%d cells, want %d", cells, 4*3*4*4)
	}
}
