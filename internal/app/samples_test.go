package app_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"mxdesk/internal/api"
	"mxdesk/internal/app"
	"mxdesk/internal/config"
	"mxdesk/internal/mailauth/dnstest"
	"mxdesk/ticketstore"
)

// The samples and what belongs to all of them; testdata/README.md says how to
// write one.
const (
	samples      = "../../testdata"
	sampleConfig = samples + "/desk.toml"
	// sampleNow is when a sample comes in that does not say when.
	sampleNow = "2026-03-02T09:00:00Z"
)

// given is the scene of a sample: the envelope and what is in the store.
type given struct {
	MailFrom *string  `json:"mail_from"` // null or missing: the author's address; "" is the null reverse-path
	Rcpt     []string `json:"rcpt"`      // missing: the first mailbox
	IP       string   `json:"ip"`
	Helo     string   `json:"helo"`
	Now      string   `json:"now"`
	Store    []step   `json:"store"`
}

// query is the envelope as the API takes it.
func (g *given) query() url.Values {
	q := url.Values{"rcpt": g.Rcpt, "ip": {g.IP}, "helo": {g.Helo}, "now": {g.Now}}
	if g.MailFrom != nil {
		q.Set("mail_from", *g.MailFrom)
	}
	if len(g.Rcpt) == 0 {
		q["rcpt"] = []string{"support@desk.test"}
	}
	if g.Now == "" {
		q.Set("now", sampleNow)
	}
	return q
}

// step is one thing that happened before the sample came: the name of a scene,
// which is a list of steps, or exactly one of the fields.
type step struct {
	Scene string          `json:"-"`
	Post  string          `json:"post"` // a path of the API
	Body  json.RawMessage `json:"body"` // for Post
	Mail  *sceneMail      `json:"mail"` // another mail that came in
	Same  *given          `json:"same"` // the sample itself came in, with another envelope
}

// sceneMail is a plain mail of a scene.
type sceneMail struct {
	given
	From    string `json:"from"`
	Cc      string `json:"cc"`
	Subject string `json:"subject"`
	ID      string `json:"message_id"`
	Text    string `json:"text"`
}

func (m *sceneMail) octets() []byte {
	cc := ""
	if m.Cc != "" {
		cc = "Cc: " + m.Cc + "\r\n"
	}
	return fmt.Appendf(nil, "From: %s\r\nTo: support@desk.test\r\n%sSubject: %s\r\nMessage-ID: <%s>\r\nDate: Mon, 2 Mar 2026 08:00:00 +0000\r\n\r\n%s\r\n",
		m.From, cc, m.Subject, m.ID, m.Text)
}

func (s *step) UnmarshalJSON(raw []byte) error {
	if err := json.Unmarshal(raw, &s.Scene); err == nil {
		return nil
	}
	type fields step
	return strict(raw, (*fields)(s))
}

// strict reads JSON in which a misspelt field is an error.
func strict(raw []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

func TestSamples(t *testing.T) {
	files, err := filepath.Glob(samples + "/*.eml")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 30 {
		t.Errorf("only %d samples: is this the right folder?", len(files))
	}
	var names []string
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".eml")
		names = append(names, name)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runSample(t, name)
		})
	}
	strays(t, names)
}

// strays finds files of samples that have no mail: a misspelt name would
// otherwise be a zone or a configuration that nothing uses.
func strays(t *testing.T, names []string) {
	for _, ext := range []string{".want.json", ".dns", ".toml"} {
		files, err := filepath.Glob(samples + "/*" + ext)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if name := strings.TrimSuffix(filepath.Base(f), ext); f != sampleConfig && !slices.Contains(names, name) {
				t.Errorf("%s belongs to no mail: there is no %s.eml", f, name)
			}
		}
	}
}

// runSample sets the scene, inspects the mail, compares, and then delivers it:
// what was foretold must happen.
func runSample(t *testing.T, name string) {
	d := newSampleDesk(t, name)
	want := read(t, samples+"/"+name+".want.json")
	var doc struct {
		Given    json.RawMessage `json:"given"`
		Message  any             `json:"message"`
		Verdict  any             `json:"verdict"`
		Decision any             `json:"decision"`
		After    any             `json:"after"` // the ticket, as the API shows it, once the mail was delivered
		About    string          `json:"about"` // what the sample is about
	}
	if err := strict(want, &doc); err != nil {
		t.Fatalf("%s.want.json: %v", name, err)
	}
	if doc.About == "" || doc.Decision == nil {
		t.Errorf("%s.want.json: say in \"about\" what the sample is about, and in \"decision\" what becomes of it", name)
	}
	var g given
	d.decode(doc.Given, &g)
	d.scene(g.Store, 0)
	d.decode(d.fill(doc.Given), &g)
	d.mail = d.fill(d.mail)

	var got map[string]any
	if err := d.client.PostRaw(t.Context(), "/v1/inspect", g.query(), bytes.NewReader(d.mail), &got); err != nil {
		t.Fatal(err)
	}
	if err := strict(d.fill(want), &doc); err != nil {
		t.Fatal(err)
	}
	var diffs []string
	for part, v := range map[string]any{"message": doc.Message, "verdict": doc.Verdict, "decision": doc.Decision} {
		if v != nil {
			diffs = append(diffs, differences(part, v, got[part])...)
		}
	}
	if len(diffs) > 0 {
		slices.Sort(diffs)
		t.Errorf("%s\n%s\n\nverdict: %v\ntrace: %v", doc.About, strings.Join(diffs, "\n"), pick(got, "verdict", "reason"), pick(got, "decision", "trace"))
	}
	d.happens(g.query(), got)
	if doc.After == nil {
		return
	}
	var ticket any
	if err := d.client.Get(t.Context(), fmt.Sprintf("/v1/tickets/%v", pick(got, "decision", "ticket")), nil, &ticket); err != nil {
		t.Fatal(err)
	}
	if diffs := differences("after", doc.After, ticket); len(diffs) > 0 {
		t.Errorf("%s\n%s", doc.About, strings.Join(diffs, "\n"))
	}
}

func pick(v map[string]any, part, field string) any {
	m, _ := v[part].(map[string]any)
	return m[field]
}

// sampleDesk is a fresh desk with the mail that is to come.
type sampleDesk struct {
	*testing.T
	client *api.Client
	mail   []byte
}

func newSampleDesk(t *testing.T, name string) *sampleDesk {
	path := samples + "/" + name + ".toml"
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		path = sampleConfig
	}
	cfg, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Move(t.TempDir())
	cfg.DNS.Servers = nil
	if zone, err := os.ReadFile(samples + "/" + name + ".dns"); err == nil {
		cfg.DNS.Servers = []string{dnstest.New(t, parseZone(t, zone)).Addr}
	} else if !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	a, err := app.Open(cfg, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return &sampleDesk{T: t, client: a.Client(), mail: read(t, samples+"/"+name+".eml")}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// parseZone reads lines of "NAME TYPE VALUE", where the type FAIL makes the
// name fail in the way that the value says.
func parseZone(t *testing.T, raw []byte) dnstest.Zone {
	fails := map[string]dnstest.Fail{"servfail": dnstest.ServFail, "nxdomain": dnstest.NXDomain, "refused": dnstest.Refused, "silent": dnstest.Silent}
	zone := dnstest.Zone{}
	for s := bufio.NewScanner(bytes.NewReader(raw)); s.Scan(); {
		f := strings.Fields(s.Text())
		if len(f) == 0 || strings.HasPrefix(f[0], "#") {
			continue
		}
		if len(f) < 3 {
			t.Fatalf("zone: %q is not NAME TYPE VALUE", s.Text())
		}
		r, value := zone[f[0]], strings.Join(f[2:], " ")
		list := map[string]*[]string{"TXT": &r.TXT, "MX": &r.MX, "A": &r.A, "AAAA": &r.AAAA, "PTR": &r.PTR}[f[1]]
		switch {
		case list != nil:
			*list = append(*list, value)
		case f[1] == "FAIL" && fails[value] != dnstest.Answers:
			r.Fail = fails[value]
		default:
			t.Fatalf("zone: %q is no type, or no way to fail", s.Text())
		}
		zone[f[0]] = r
	}
	return zone
}

func (d *sampleDesk) decode(raw []byte, g *given) {
	d.Helper()
	if *g = (given{}); len(raw) == 0 {
		return
	}
	if err := strict(raw, g); err != nil {
		d.Fatalf("given: %v", err)
	}
}

// scene lets the steps happen.
func (d *sampleDesk) scene(steps []step, depth int) {
	d.Helper()
	if depth > 5 {
		d.Fatal("the scenes name each other in a circle")
	}
	for i, s := range steps {
		var err error
		switch {
		case s.Scene != "":
			var inner []step
			if err = strict(read(d.T, samples+"/scenes/"+s.Scene+".json"), &inner); err == nil {
				d.scene(inner, depth+1)
			}
		case s.Post != "":
			err = d.client.Post(d.Context(), s.Post, s.Body, new(json.RawMessage))
		case s.Mail != nil:
			err = d.deliver(s.Mail.query(), s.Mail.octets())
		case s.Same != nil:
			err = d.deliver(s.Same.query(), d.mail)
		default:
			err = errors.New("the step says nothing")
		}
		if err != nil {
			d.Fatalf("scene, step %d: %v", i+1, err)
		}
	}
}

func (d *sampleDesk) deliver(q url.Values, mail []byte) error {
	return d.client.PostRaw(d.Context(), "/v1/deliver", q, bytes.NewReader(mail), new(api.Receipt))
}

var placeholder = regexp.MustCompile(`\{\{(reply|message-id|bounce) ([^}]+)\}\}`)

// fill puts what only this desk can sign in place of {{reply ADDRESS}},
// {{message-id ADDRESS}} and {{bounce ADDRESS}}, each of the newest mail that
// went to the address.
func (d *sampleDesk) fill(raw []byte) []byte {
	d.Helper()
	out := placeholder.ReplaceAllFunc(raw, func(m []byte) []byte {
		f := placeholder.FindSubmatch(m)
		return []byte(d.signed(string(f[1]), string(f[2])))
	})
	if i := bytes.Index(out, []byte("{{")); i >= 0 {
		d.Fatalf("%.40q is no placeholder", out[i:])
	}
	return out
}

var replyTo = regexp.MustCompile(`(?m)^Reply-To:(?:[^<\r\n]|\r\n )*<([^>]+)>`)

func (d *sampleDesk) signed(what, to string) (v string) {
	d.Helper()
	it := d.newest(to)
	switch what {
	case "message-id":
		v = it.MessageID
	case "bounce":
		v = it.Return.String()
	case "reply":
		if m := replyTo.FindStringSubmatch(it.Header); m != nil {
			v = m[1]
		}
	}
	if v == "" || v == "<>" {
		d.Fatalf("the mail to %s (%s) has no %s", to, it.Template, what)
	}
	return v
}

// newest is the last mail of the scene to an address.
func (d *sampleDesk) newest(to string) (it api.Item) {
	d.Helper()
	var all []api.Item
	if err := d.client.Get(d.Context(), "/v1/outbox", nil, &all); err != nil {
		d.Fatal(err)
	}
	for _, other := range all {
		if other.To.String() == to && other.ID > it.ID {
			it = other
		}
	}
	if it.ID == 0 {
		d.Fatalf("the scene sends no mail to %s", to)
	}
	if err := d.client.Get(d.Context(), fmt.Sprintf("/v1/outbox/%d", it.ID), nil, &it); err != nil {
		d.Fatal(err)
	}
	return it
}

// happens delivers the mail that was inspected: it must become what the
// inspection said, and the store must be sound afterwards.
func (d *sampleDesk) happens(q url.Values, inspected map[string]any) {
	d.Helper()
	raw, err := json.Marshal(inspected["decision"])
	if err != nil {
		d.Fatal(err)
	}
	var want, got api.Receipt // the fields that a decision shares with a receipt
	if err := json.Unmarshal(raw, &want); err != nil {
		d.Fatal(err)
	}
	err = d.client.PostRaw(d.Context(), "/v1/deliver", q, bytes.NewReader(d.mail), &got)
	var no *api.Error
	if errors.As(err, &no) && no.Kind == "refused" {
		said := fmt.Sprintf("%d %s %s", want.SMTP.Code, want.SMTP.Enhanced, want.SMTP.Text)
		if want.Outcome != "refused" || no.Text != said {
			d.Errorf("inspected as %s with %q, delivered: %q", want.Outcome, said, no.Text)
		}
	} else if err != nil {
		d.Errorf("delivering what was inspected: %v", err)
	} else if diff := cmp.Diff(want, got); diff != "" {
		d.Errorf("inspected (-) and delivered (+) differ:\n%s", diff)
	}
	var rep ticketstore.Report
	if err := d.client.Get(d.Context(), "/v1/store/check", nil, &rep); err != nil || len(rep.Problems) > 0 {
		d.Errorf("the store afterwards: %v %v", rep.Problems, err)
	}
}

// differences lists where got is not what was wanted. Of objects only the
// fields that are wanted count; lists must be as long. Of a text that begins
// with "~" the rest must stand somewhere in what is there, of one that begins
// with "!" nowhere; a list of these may stand where a text is.
func differences(path string, want, got any) (list []string) {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return []string{differs(path, want, got)}
		}
		for k, v := range w {
			if _, ok := g[k]; !ok {
				list = append(list, path+"."+k+": there is no such field")
				continue
			}
			list = append(list, differences(path+"."+k, v, g[k])...)
		}
		return list
	case []any:
		if text, ok := got.(string); ok {
			for _, v := range w {
				list = append(list, differences(path, v, text)...)
			}
			return list
		}
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return []string{differs(path, want, got)}
		}
		for i := range w {
			list = append(list, differences(fmt.Sprintf("%s[%d]", path, i), w[i], g[i])...)
		}
		return list
	case string:
		g, isText := got.(string)
		part, holds := strings.CutPrefix(w, "~")
		not, lacks := strings.CutPrefix(w, "!")
		if isText && (holds && strings.Contains(g, part) || lacks && !strings.Contains(g, not)) {
			return nil
		}
	}
	if !cmp.Equal(want, got) {
		return []string{differs(path, want, got)}
	}
	return nil
}

func differs(path string, want, got any) string {
	w, err1 := json.Marshal(want)
	g, err2 := json.Marshal(got)
	if err := errors.Join(err1, err2); err != nil {
		return path + ": " + err.Error()
	}
	return path + ":\n    want " + string(w) + "\n    got  " + string(g)
}

// TestSampleDifferences: a comparison that finds nothing would make every
// sample pass.
func TestSampleDifferences(t *testing.T) {
	got := `{"a":{"b":"long text","n":3,"list":["x",{"y":1,"z":2}]},"none":null}`
	for _, c := range []struct {
		name, want string
		differ     int
	}{
		{"nothing wanted", `{}`, 0},
		{"everything wanted", got, 0},
		{"a subset", `{"a":{"n":3}}`, 0},
		{"a part of a text", `{"a":{"b":"~ng te"}}`, 0},
		{"a part that is not there", `{"a":{"b":"~short"}}`, 1},
		{"a text that must not be there", `{"a":{"b":"!short"}}`, 0},
		{"a text that must not be there and is", `{"a":{"b":"!long"}}`, 1},
		{"several parts", `{"a":{"b":["~long","~text","!short"]}}`, 0},
		{"one part of several", `{"a":{"b":["~long","~short","!text"]}}`, 2},
		{"no text in a number", `{"a":{"n":"!4"}}`, 1},
		{"another text", `{"a":{"b":"long"}}`, 1},
		{"no such field", `{"a":{"m":null}}`, 1},
		{"objects in lists are subsets, too", `{"a":{"list":["x",{"z":2}]}}`, 0},
		{"something else in a list", `{"a":{"list":["x",{"z":3}]}}`, 1},
		{"a shorter list", `{"a":{"list":["x"]}}`, 1},
		{"an object where null is", `{"none":{}}`, 1},
		{"null where an object is", `{"a":null}`, 1},
		{"null where null is", `{"none":null}`, 0},
		{"two differences", `{"a":{"n":4},"none":1}`, 2},
	} {
		var w, g any
		if err := errors.Join(json.Unmarshal([]byte(c.want), &w), json.Unmarshal([]byte(got), &g)); err != nil {
			t.Fatal(err)
		}
		if list := differences("", w, g); len(list) != c.differ {
			t.Errorf("%s: %q", c.name, list)
		}
	}
}
