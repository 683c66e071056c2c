package smtpd

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
)

// inputBuffer is what is read from a socket at once. Only a connection that has
// read something and not used it yet holds one.
const inputBuffer = 64 << 10

// buffers are not in use: a client that says nothing holds none.
var buffers = sync.Pool{New: func() any { return new([inputBuffer]byte) }}

// input is what was read from a connection and not used yet. While it is empty
// and waits for a socket in plain text it holds no buffer, so that ten thousand
// silent clients cost little.
type input struct {
	src  io.Reader
	sock syscall.RawConn // to read from without holding a buffer; nil: src is read

	buf  *[inputBuffer]byte // nil when nothing is in it
	r, w int
	rest []byte // what waits while there is no buffer: the beginning of a command
}

// socket is the system's connection below a net.Conn, or nil when there is none.
func socket(c net.Conn) syscall.RawConn {
	s, ok := c.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// waiting returns what was read. It is valid until the next more or discard.
func (i *input) waiting() []byte {
	if i.buf == nil {
		return i.rest
	}
	return i.buf[i.r:i.w]
}

func (i *input) buffered() int { return len(i.waiting()) }

// more reads once, and may get nothing. There must be room: no caller lets a
// whole buffer wait.
func (i *input) more() error {
	i.release()
	if i.sock != nil {
		return i.moreFromSocket()
	}
	i.hold()
	n, err := i.src.Read(i.buf[i.w:])
	i.w += n
	if n > 0 {
		return nil
	}
	i.release()
	return err
}

// moreFromSocket takes a buffer only when the socket has something for it.
func (i *input) moreFromSocket() error {
	var n int
	var err error
	wait := i.sock.Read(func(fd uintptr) bool {
		i.hold()
		for n, err = syscall.Read(int(fd), i.buf[i.w:]); errors.Is(err, syscall.EINTR); {
			n, err = syscall.Read(int(fd), i.buf[i.w:])
		}
		i.w += max(n, 0)
		if n <= 0 {
			i.release()
		}
		return !errors.Is(err, syscall.EAGAIN)
	})
	switch {
	case wait != nil:
		return wait
	case err != nil:
		return os.NewSyscallError("read", err)
	case n == 0:
		return io.EOF
	}
	return nil
}

// hold takes a buffer, with what waits at its beginning.
func (i *input) hold() {
	if i.buf == nil {
		i.buf, _ = buffers.Get().(*[inputBuffer]byte)
		i.r, i.w = 0, copy(i.buf[:], i.rest)
		i.rest = nil
	}
}

// release gives the buffer back. What waits in it is kept apart.
func (i *input) release() {
	if i.buf == nil {
		return
	}
	i.rest = bytes.Clone(i.buf[i.r:i.w])
	if len(i.rest) == 0 {
		i.rest = nil
	}
	buffers.Put(i.buf)
	i.buf, i.r, i.w = nil, 0, 0
}

// discard forgets n octets that wait.
func (i *input) discard(n int) {
	if i.buf == nil {
		i.rest = i.rest[min(n, len(i.rest)):]
		return
	}
	if i.r += min(n, i.w-i.r); i.r == i.w {
		i.release()
	}
}

// readable waits until a socket has something to read, without reading it. A
// closed connection is readable too.
func readable(s syscall.RawConn) error {
	var b [1]byte
	return s.Read(func(fd uintptr) bool {
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		return !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR)
	})
}
