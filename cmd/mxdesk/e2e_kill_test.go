package main

import (
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const killsEach = 10 // in one installation; then a new one, so that accounting stays quick

const loadConfig = `hostname = "mx.desk.example"
log_level = "warn"
[smtp]
listen = ["127.0.0.1:0"]
trust_loopback = true
[limits]
memory_spool = "16KiB"
automatic_mail_per_day = 10000
min_free_disk = "8MiB"
[dns]
servers = []
[mailbox.support]
addresses = ["support@desk.example"]
agents = ["bob@staff.example"]
`

// harness makes a desk for tests of durability.
func harness(t *testing.T) *installation {
	t.Helper()
	dir := t.TempDir()
	return &installation{
		t: t, bin: program(t, false), data: filepath.Join(dir, "data"),
		config: write(t, filepath.Join(dir, "mxdesk.toml"), loadConfig),
	}
}

// TestKillLoop kills the server under load, again and again: while it takes mail,
// while a backup or a compaction runs, while it starts. What must hold after each
// restart:
//
//   - every mail that was answered with 250 is in the store, once;
//   - a mail whose answer was cut off may be there or not; sent again, it is
//     there once;
//   - the store is sound;
//   - each ticket was acknowledged once;
//   - the server listened within a second, as a median.
//
// MXDESK_SEED makes other rounds.
func TestKillLoop(t *testing.T) {
	rounds, seed := envNumber(t, "MXDESK_KILL_ROUNDS", 50), uint64(envNumber(t, "MXDESK_SEED", 1))
	sum := killSum{kills: map[string]int{}}
	for done := 0; done < rounds; {
		l := &load{t: t, desk: harness(t)}
		l.corpus = uniqueMails(t)
		k := &killer{load: l, rnd: rand.New(rand.NewPCG(seed, uint64(done))), sum: &sum}
		server := k.start()
		k.rounds = min(rounds-done, killsEach)
		for round := range k.rounds {
			server = k.round(round, server)
		}
		server.stop(t)
		l.desk.check()
		done += killsEach
		sum.mails, sum.real = sum.mails+len(l.mails), sum.real+l.real()
	}
	sum.log(t)
}

// The loop finds a program that answers too early, one that forgets which mails
// it has seen, and one that does not read its journal when it starts.
func TestKillLoopFindsFaults(t *testing.T) {
	findsFault(t, "TestKillLoop", "early-answer", "is 0 times in the store")
	findsFault(t, "TestKillLoop", "forgetful", "is 2 times in the store")
	findsFault(t, "TestKillLoop", "no-catch-up", "is 0 times in the store")
}

// killSum is what came of all rounds.
type killSum struct {
	ready        []time.Duration
	kills        map[string]int // by what the server did
	mails, real  int
	again, known int
}

func (s *killSum) log(t *testing.T) {
	t.Helper()
	slices.Sort(s.ready)
	median := s.ready[len(s.ready)/2]
	t.Logf("kills %v, %d mails (%d of them real) from %d senders, %d sent again and %d of them known; 0 lost, 0 twice; %d starts, ready after %v as a median, %v at most",
		s.kills, s.mails, s.real, killClients, s.again, s.known, len(s.ready), median, s.ready[len(s.ready)-1])
	if median > time.Second {
		t.Errorf("a restart takes %v", median)
	}
}

// killer kills the servers of one desk.
type killer struct {
	*load
	rnd    *rand.Rand
	rounds int
	sum    *killSum
}

// start starts the server; in one of three cases a first try is killed before it
// listens, or a moment later.
func (k *killer) start() *process {
	k.t.Helper()
	if k.rnd.IntN(3) == 0 {
		p, _ := k.desk.launch()
		k.pause(40 * time.Millisecond)
		k.kill("starting", p)
	}
	p := k.desk.start()
	k.sum.ready = append(k.sum.ready, p.took)
	return p
}

// pause lets the program go on for a random time, up to most.
func (k *killer) pause(most time.Duration) { time.Sleep(time.Duration(k.rnd.Int64N(int64(most)))) }

func (k *killer) kill(doing string, p *process) {
	k.sum.kills[doing]++
	p.kill()
}

// round is one kill under load, and the account of it.
func (k *killer) round(round int, server *process) *process {
	k.t.Helper()
	answers := k.rnd.IntN(300)
	k.load.round(round, server, answers, func() {
		if round%2 == 0 { // at any moment of a flush; otherwise while answers are on their way
			k.pause(20 * time.Millisecond)
		}
		k.end(round, server)
	})
	server = k.start()
	report := k.desk.check()
	again, known := k.sendAgain(server.addr)
	if k.wantOnce(round == k.rounds-1); k.t.Failed() {
		k.t.FailNow()
	}
	k.sum.again, k.sum.known = k.sum.again+again, k.sum.known+known
	k.t.Logf("round %d: %d mails in all, %d sent again, %d of them were in the store; %d tickets, %d actions, %d records without reference; ready after %v",
		round, len(k.mails), again, known, report.Tickets, report.Actions, report.Unreferenced, server.took)
	return server
}

// end kills the server; in some rounds while a backup runs, or the compaction
// that follows a stop.
func (k *killer) end(round int, server *process) {
	switch round % 5 {
	case 2:
		backup := k.desk.command("store", "backup", k.desk.data+"-copy")
		if err := backup.Start(); err != nil {
			k.t.Error(err)
			return
		}
		k.pause(100 * time.Millisecond)
		k.kill("in a backup", server)
		_ = backup.Wait() // its server is gone
	case 4:
		server.terminate(k.t)
		server.wait(k.t)
		compact := k.desk.command("store", "compact")
		if err := compact.Start(); err != nil {
			k.t.Error(err)
			return
		}
		k.pause(60 * time.Millisecond)
		_ = compact.Process.Kill() // it may be done
		_ = compact.Wait()
		k.sum.kills["in a compaction"]++
	default:
		k.kill("under load", server)
	}
}

// uniqueMails are the mails of the developer corpus, no two of which are taken
// for the same; none where the corpus is not.
func uniqueMails(t *testing.T) (list [][]byte) {
	t.Helper()
	seen := map[string]bool{}
	for _, m := range readCorpus(t) {
		if id := identity(m.raw); !seen[id] && !strings.Contains(string(m.raw), "Load ") {
			seen[id] = true
			list = append(list, m.raw)
		}
	}
	return list
}
