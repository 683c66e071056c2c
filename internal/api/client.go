package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// ErrUnreachable: no server answers.
var ErrUnreachable = errors.New("the server cannot be reached")

// Client speaks the API.
type Client struct {
	http *http.Client
}

// InProcess returns a client for a handler in this process.
func InProcess(h http.Handler) *Client {
	return &Client{http: &http.Client{Transport: handlerTransport{h}}}
}

// handlerTransport calls a handler as if over a connection; the body streams.
type handlerTransport struct{ h http.Handler }

func (t handlerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	pr, pw := io.Pipe()
	w := &pipeWriter{header: http.Header{}, body: pw, ready: make(chan struct{})}
	go func() {
		t.h.ServeHTTP(w, r)
		w.WriteHeader(http.StatusOK)
		pw.Close()
	}()
	<-w.ready
	return &http.Response{
		StatusCode: w.status, Status: fmt.Sprintf("%d %s", w.status, http.StatusText(w.status)), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.header, Body: pr, ContentLength: -1, Request: r,
	}, nil
}

type pipeWriter struct {
	header http.Header
	body   *io.PipeWriter
	status int
	ready  chan struct{}
}

func (w *pipeWriter) Header() http.Header { return w.header }

func (w *pipeWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
		close(w.ready)
	}
}

func (w *pipeWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}

// Get reads a value.
func (c *Client) Get(ctx context.Context, path string, q url.Values, out any) error {
	body, err := c.Open(ctx, http.MethodGet, path, q, nil)
	if err != nil {
		return err
	}
	return decodeBody(body, out)
}

// Post sends a value and reads one.
func (c *Client) Post(ctx context.Context, path string, in, out any) error {
	raw, err := json.Marshal(in)
	if err != nil {
		return err
	}
	body, err := c.Open(ctx, http.MethodPost, path, nil, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	return decodeBody(body, out)
}

// PostRaw sends octets and reads a value.
func (c *Client) PostRaw(ctx context.Context, path string, q url.Values, in io.Reader, out any) error {
	body, err := c.Open(ctx, http.MethodPost, path, q, in)
	if err != nil {
		return err
	}
	return decodeBody(body, out)
}

// Delete removes a value and reads what it was.
func (c *Client) Delete(ctx context.Context, path string, out any) error {
	body, err := c.Open(ctx, http.MethodDelete, path, nil, nil)
	if err != nil {
		return err
	}
	return decodeBody(body, out)
}

func decodeBody(body io.ReadCloser, out any) error {
	defer body.Close()
	if err := json.NewDecoder(body).Decode(out); err != nil {
		return fmt.Errorf("reading the server's answer: %w", err)
	}
	return nil
}

// Open sends a request to a path, its segments escaped, and returns the answer's body; the caller closes it. An
// answer that says no is an *Error.
func (c *Client) Open(ctx context.Context, method, path string, q url.Values, in io.Reader) (io.ReadCloser, error) {
	target := "http://mxdesk" + path
	if len(q) > 0 {
		target += "?" + q.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, in)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	var e struct{ Error Error }
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&e); err != nil || e.Error.Text == "" {
		return nil, &Error{Kind: "internal", Text: "the server answers " + resp.Status}
	}
	return nil, &e.Error
}
