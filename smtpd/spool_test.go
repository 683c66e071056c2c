package smtpd

import (
	"bytes"
	"io"
	"testing"

	"pgregory.net/rapid"
)

// Spools that are open at once never share memory, however often it was used
// before, and a closed one has nothing.
func TestSpoolMemory(t *testing.T) {
	cfg := Config{MaxMessage: 8 << 20, MemorySpool: 100 << 10, SpoolDir: t.TempDir()}.withDefaults()
	type mail struct {
		*spool
		want []byte
	}
	rapid.Check(t, func(rt *rapid.T) {
		b := newBudget(1 << 30)
		open := []*mail{}
		check := func(m *mail) {
			got := make([]byte, len(m.want))
			if n, err := m.ReadAt(got, 0); n != len(m.want) || err != nil && err != io.EOF {
				rt.Fatalf("%d octets of %d read, %v", n, len(m.want), err)
			}
			if in := m.InMemory(); !bytes.Equal(got, m.want) || in != nil && !bytes.Equal(in, m.want) || m.Size() != int64(len(m.want)) {
				rt.Fatal("a mail holds the octets of another")
			}
		}
		for i := range rapid.IntRange(1, 60).Draw(rt, "steps") {
			n := rapid.IntRange(0, 4).Draw(rt, "mail")
			if n >= len(open) {
				open = append(open, &mail{spool: &spool{cfg: &cfg, budget: b}})
				n = len(open) - 1
			}
			m := open[n]
			if piece := rapid.SampledFrom([]int{0, 1, 3000, 8 << 10, 20_000, 64 << 10}).Draw(rt, "octets"); piece > 0 {
				p := bytes.Repeat([]byte{byte(i)}, piece)
				m.keep(p)
				m.want = append(m.want, p...)
				continue
			}
			check(m)
			m.close()
			if n, _ := m.ReadAt(make([]byte, 1), 0); n > 0 || m.InMemory() != nil {
				rt.Fatal("a closed spool can be read")
			}
			open = append(open[:n], open[n+1:]...)
		}
		for _, m := range open {
			check(m)
			m.close()
		}
		if b.used != 0 {
			rt.Fatalf("%d octets of the budget were not given back", b.used)
		}
	})
}
