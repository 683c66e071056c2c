package smtpd

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// The fuller the house, the shorter its patience; nothing is ever looser than
// configured.
func TestLevelsTightenBounds(t *testing.T) {
	c := Config{}.withDefaults()
	last := c.boundsAt(calm)
	if last.idle != c.Idle || last.session != c.Session || last.maxErrors != c.MaxErrors {
		t.Errorf("calm is not as configured: %+v", last)
	}
	for _, l := range []level{busy, crowded} {
		b := c.boundsAt(l)
		if b.idle >= last.idle || b.session >= last.session || b.maxErrors >= last.maxErrors || b.window > last.window {
			t.Errorf("%v is not tighter: %+v after %+v", l, b, last)
		}
		last = b
	}
	strict := Config{Idle: time.Second, Session: time.Second, MaxErrors: 1}.withDefaults()
	for _, l := range []level{busy, crowded} {
		if b := strict.boundsAt(l); b.idle != time.Second || b.session != time.Second || b.maxErrors != 1 {
			t.Errorf("%v is looser than configured: %+v", l, b)
		}
	}
}

// A level counts at once for clients that are silent already, and goes back
// when the house has emptied.
func TestLevelReachesSilentClients(t *testing.T) {
	cfg := testConfig(t)
	cfg.MaxConnections, cfg.MaxPerIP, cfg.MaxPerNetwork = 10, 100, -1
	synctest.Test(t, func(t *testing.T) {
		d, events := guarded(t, cfg)
		defer d.shut()
		var clients []*client
		for range 7 {
			clients = append(clients, d.dial())
		}
		synctest.Wait()
		if got := level(d.srv.load.at.Load()); got != busy {
			t.Errorf("with 7 of 10 the level is %v", got)
		}
		time.Sleep(30 * time.Second)
		clients = append(clients, d.dial())
		synctest.Wait()
		if got := level(d.srv.load.at.Load()); got != calm {
			t.Errorf("the level is %v, and silent clients were not sent away", got)
		}
		for _, c := range clients[:7] {
			if !c.closed() {
				t.Error("a client that was silent for 30 s is still there in a crowded house")
			}
			said := c.replies()
			expectReply(t, said[len(said)-1], "421 4.4.2 nothing heard in time")
		}
		if clients[7].closed() {
			t.Error("the newcomer was sent away")
		}
		if n := events(EventLoad); n != 4 { // busy, crowded, busy, calm
			t.Errorf("%d changes of the level were logged", n)
		}
		for _, c := range clients {
			c.close()
		}
	})
}

// A full house sends away who has been silent longest and has no transaction
// open; when there is nobody, the newcomer.
func TestFullHouseSendsTheSilentAway(t *testing.T) {
	cfg := testConfig(t)
	cfg.MaxConnections, cfg.MaxPerIP, cfg.MaxPerNetwork = 3, 100, -1
	synctest.Test(t, func(t *testing.T) {
		d, events := guarded(t, cfg)
		defer d.shut()
		first := d.dial()
		time.Sleep(time.Second)
		second := d.dial()
		second.cmd("EHLO client.example")
		expectReply(t, second.cmd("MAIL FROM:<ann@client.example>"), "250")
		third := d.dial()
		early := d.dial()
		expectReply(t, fmt.Sprint(early.replies()), "[421 4.7.0 too many connections,")
		time.Sleep(2 * time.Second)
		fourth := d.dial()
		expectReply(t, fmt.Sprint(fourth.replies()), "[220")
		if !first.closed() || second.closed() || third.closed() {
			t.Errorf("sent away: first %v, second %v, third %v", first.closed(), second.closed(), third.closed())
		}
		said := first.replies()
		expectReply(t, said[len(said)-1], "421 4.7.0 too many connections, and nothing was heard from you")
		if n := events(EventEvicted); n != 1 {
			t.Errorf("%d events", n)
		}
		for _, c := range []*client{first, second, third, early, fourth} {
			c.close()
		}
		synctest.Wait()
		if len(d.srv.conns) != 0 || d.srv.evicting != 0 || len(d.srv.sources) != 0 {
			t.Errorf("left on the books: %d connections, %d on their way out, %v", len(d.srv.conns), d.srv.evicting, d.srv.sources)
		}
	})
}

func TestBudgetLeavesRoomForSmallMails(t *testing.T) {
	c := Config{}.withDefaults()
	b := newBudget(c.ContentMemory)
	large := c.memoryFor(25 << 20)
	n := 0
	for b.take(large, large) {
		n++
	}
	if n != 20 {
		t.Errorf("%d mails of 25 MiB fit, want 20", n)
	}
	if small := c.memoryFor(2 << 10); !b.has(small) || !b.take(small, small) {
		t.Error("a small mail finds no room beside them")
	}
	if b.has(large) {
		t.Error("one more large mail would fit, but did not")
	}
	b.give(large)
	if !b.take(large, large) {
		t.Error("what was given back is not there")
	}
}
