package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"

	"mxdesk/ticketstore"
)

func (s *server) check(w http.ResponseWriter, r *http.Request) error {
	rep, err := s.Keeper.Check(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, rep)
}

// BackupRequest asks for a backup into a folder of the server's machine.
type BackupRequest struct {
	Dir string `json:"dir"` // absolute
}

// backup answers with lines of JSON: how far it is, and at last its report.
func (s *server) backup(w http.ResponseWriter, r *http.Request) error {
	var in BackupRequest
	if err := readJSON(r, &in); err != nil {
		return err
	}
	if !filepath.IsAbs(in.Dir) {
		return invalid("dir: name the folder by its whole path")
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	enc := json.NewEncoder(w)
	rep, err := s.Keeper.Backup(r.Context(), in.Dir, func(p ticketstore.Progress) {
		_ = enc.Encode(event{Progress: &p})       // who has gone away is noticed at the report
		_ = http.NewResponseController(w).Flush() // in process there is nothing to flush
	})
	if err != nil {
		if at, ok := errors.AsType[*fs.PathError](err); ok && (strings.HasPrefix(at.Path, in.Dir) || strings.HasPrefix(in.Dir, at.Path)) {
			err = fmt.Errorf("backing up to %s: %w; name a folder that the user mxdesk runs as can write to", in.Dir, err)
		}
		e, _ := errorOf(err)
		return enc.Encode(event{Error: &e})
	}
	raw, err := json.Marshal(rep)
	if err != nil {
		return err
	}
	return enc.Encode(event{Report: raw})
}

// event is a line of an answer that takes a while: one of its fields.
type event struct {
	Progress *ticketstore.Progress `json:"progress,omitempty"`
	Report   json.RawMessage       `json:"report,omitempty"`
	Error    *Error                `json:"error,omitempty"`
}

// PostLong sends a value, tells how far the server is and reads its report.
func (c *Client) PostLong(ctx context.Context, path string, in, out any, progress func(ticketstore.Progress)) error {
	raw, err := json.Marshal(in)
	if err != nil {
		return err
	}
	body, err := c.Open(ctx, http.MethodPost, path, nil, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	defer body.Close()
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return fmt.Errorf("reading the server's answer: %w", err)
		}
		switch {
		case e.Progress != nil:
			progress(*e.Progress)
		case e.Error != nil:
			return e.Error
		case e.Report != nil:
			return json.Unmarshal(e.Report, out)
		}
	}
	return errors.Join(fmt.Errorf("%w: its answer ended too soon", ErrUnreachable), lines.Err())
}
