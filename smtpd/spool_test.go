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
	dir := t.TempDir()
	type mail struct {
		*spool
		want []byte
	}
	rapid.Check(t, func(rt *rapid.T) {
		most := rapid.SampledFrom([]int64{100 << 10, oneRun + 700<<10, 6 << 20}).Draw(rt, "in memory")
		cfg := Config{MaxMessage: 64 << 20, MemorySpool: most, SpoolDir: dir}.withDefaults()
		b := newBudget(rapid.SampledFrom([]int64{1 << 30, 60 << 20}).Draw(rt, "budget"))
		open := []*mail{}
		check := func(m *mail) (from int) {
			from = rapid.IntRange(0, len(m.want)).Draw(rt, "from")
			for _, from := range []int{0, from} {
				got := make([]byte, len(m.want)-from)
				if n, err := m.ReadAt(got, int64(from)); !bytes.Equal(got, m.want[from:]) || err != nil && err != io.EOF {
					rt.Fatalf("%d octets of %d read, %v", n, len(got), err)
				}
			}
			if n, err := m.ReadAt(make([]byte, len(m.want)+1), 0); n != len(m.want) || err != io.EOF {
				rt.Fatalf("%d octets of %d read, and no more expected: %v", n, len(m.want), err)
			}
			var held []byte
			for {
				run := m.Held(int64(len(held)))
				if len(run) == 0 {
					break
				}
				held = append(held, run...)
			}
			if inFile := m.file != nil; inFile && held != nil || !inFile && !bytes.Equal(held, m.want) || m.Size() != int64(len(m.want)) {
				rt.Fatal("a mail holds the octets of another")
			}
			return from
		}
		books := func() {
			var used, large, pieces int64
			for _, m := range open {
				used += m.taken
				if m.taken >= largeMemory {
					large += m.taken
				}
				pieces += int64(len(m.pieces)) * pieceSize
			}
			if b.used != used || b.large != large || b.pieces != pieces || pieces > b.all/piecesShare {
				rt.Fatalf("the budget counts %d octets, %d of large mails, %d of pieces, but it is %d, %d, %d", b.used, b.large, b.pieces, used, large, pieces)
			}
		}
		for i := range rapid.IntRange(1, 60).Draw(rt, "steps") {
			n := rapid.IntRange(0, 4).Draw(rt, "mail")
			if n >= len(open) {
				open = append(open, &mail{spool: &spool{cfg: &cfg, budget: b}})
				n = len(open) - 1
			}
			m := open[n]
			if piece := rapid.SampledFrom([]int{0, 1, 3000, 8 << 10, 20_000, 64 << 10, 300_000, oneRun}).Draw(rt, "octets"); piece > 0 {
				p := bytes.Repeat([]byte{byte(i)}, piece)
				m.keep(p)
				m.want = append(m.want, p...)
				books()
				continue
			}
			from := check(m)
			m.close()
			if n, _ := m.ReadAt(make([]byte, 1), int64(from)); n > 0 || m.Held(int64(from)) != nil {
				rt.Fatal("a closed spool can be read")
			}
			open = append(open[:n], open[n+1:]...)
		}
		for _, m := range open {
			check(m)
			m.close()
		}
		open = nil
		books()
	})
}
