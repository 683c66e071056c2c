package desk

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"mxdesk/ticketstore"
)

// An agent's files wait for memory that others have. Who waits too long is put
// off, nothing of the mail is kept, and it is taken when it comes again. A mail
// whose files are not sent on waits for nobody.
func TestFilesWaitForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := opened(t)
		h.cfg.Files = NewRoom(1 << 20)
		give, err := h.cfg.Files.Take(context.Background(), 5<<20)
		h.must(err)
		l := letter{
			Rcpt: []string{h.replyTo(h.told(ada))}, Subject: "Re: Printer",
			Body:   "--b\nContent-Type: text/plain\n\nSee the plan.\n--b\nContent-Type: application/pdf; name=plan.pdf\n\n%PDF-1.4\n--b--\n",
			Fields: []string{"MIME-Version: 1.0", "Content-Type: multipart/mixed; boundary=b"},
		}
		l.From = ann
		h.take(l)
		l.From = ada
		in, seq := h.inbound(l), h.last(1).Seq
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if _, err := h.Accept(ctx, in); !errors.Is(err, ErrBusy) || h.last(1).Seq != seq {
			t.Fatalf("without room: %v, action %d", err, h.last(1).Seq)
		}
		done := make(chan error, 1)
		go func() {
			_, err := h.Accept(context.Background(), in)
			done <- err
		}()
		synctest.Wait()
		give()
		h.must(<-done)
		if a := h.last(1); a.Seq != seq+1 || a.Outcome != ticketstore.OutcomeAgentUpdate || len(a.Attachments) != 1 {
			t.Errorf("with room again: %+v", a)
		}
		give, err = h.cfg.Files.Take(context.Background(), 1<<20) // all was given back
		h.must(err)
		give()
	})
}
