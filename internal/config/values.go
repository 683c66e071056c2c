package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Duration is a time.Duration written as in "5m", "1h30m" or "30d"; a day is 24
// hours. It is never negative.
type Duration time.Duration

// Size is a number of octets, written as a plain number or as in "35MiB".
type Size int64

var (
	errDuration = errors.New(`write a duration as a number and a unit (ms, s, m, h or d), such as "5m"`)
	errSize     = errors.New(`write a size as a number and a unit (KiB, MiB, GiB, kB, MB or GB), such as "35MiB"`)
)

// ParseDuration reads a duration. Days, if any, come first: "1d12h".
func ParseDuration(s string) (Duration, error) {
	var days time.Duration
	if text, rest, ok := strings.Cut(s, "d"); ok {
		n, err := strconv.ParseUint(text, 10, 16)
		if err != nil {
			return 0, errDuration
		}
		if days = time.Duration(n) * 24 * time.Hour; rest == "" {
			return Duration(days), nil
		}
		s = rest
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || d > math.MaxInt64-days || strings.HasPrefix(s, "+") {
		return 0, errDuration
	}
	return Duration(days + d), nil
}

// String writes the duration as [ParseDuration] reads it, without zero parts
// at the end.
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// unit is a unit of size.
type unit struct {
	name   string
	octets int64
}

// units lists the units of size, those that [Size.String] uses first and from
// the largest.
func units() []unit {
	return []unit{
		{"TiB", 1 << 40},
		{"GiB", 1 << 30},
		{"MiB", 1 << 20},
		{"KiB", 1 << 10},
		{"TB", 1e12},
		{"GB", 1e9},
		{"MB", 1e6},
		{"kB", 1e3},
		{"B", 1},
	}
}

// ParseSize reads a size. Units are compared without regard to case; a blank
// may stand before the unit.
func ParseSize(s string) (Size, error) {
	number := strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
	name := s[len(number):]
	n, err := strconv.ParseUint(strings.TrimSuffix(number, " "), 10, 63)
	if err != nil {
		return 0, errSize
	}
	if name == "" {
		return Size(n), nil
	}
	for _, u := range units() {
		if !strings.EqualFold(u.name, name) {
			continue
		}
		if int64(n) > math.MaxInt64/u.octets {
			return 0, errSize
		}
		return Size(int64(n) * u.octets), nil
	}
	return 0, errSize
}

// String writes the size with the largest binary unit that divides it.
func (s Size) String() string {
	for _, u := range units()[:4] {
		if s != 0 && int64(s)%u.octets == 0 {
			return fmt.Sprintf("%d%s", int64(s)/u.octets, u.name)
		}
	}
	return fmt.Sprintf("%dB", int64(s))
}
