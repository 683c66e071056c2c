package config

import (
	"testing"
	"time"
)

func TestParseDuration(t *testing.T) {
	tests := []struct {
		in   string
		want time.Duration
		text string // of String; empty when in is refused
	}{
		{"5m", 5 * time.Minute, "5m"},
		{"90s", 90 * time.Second, "1m30s"},
		{"120h", 120 * time.Hour, "120h"},
		{"1h0m5s", time.Hour + 5*time.Second, "1h0m5s"},
		{"30d", 720 * time.Hour, "720h"},
		{"1d12h", 36 * time.Hour, "36h"},
		{"1.5ms", 1500 * time.Microsecond, "1.5ms"},
		{"0s", 0, "0s"},
		{"0", 0, "0s"},
		{"20s", 20 * time.Second, "20s"},
		{"10h", 10 * time.Hour, "10h"},
		{"", 0, ""},
		{"5", 0, ""},
		{"-5m", 0, ""},
		{"+5m", 0, ""},
		{"1d-5m", 0, ""},
		{"-1d", 0, ""},
		{"d", 0, ""},
		{"1d1d", 0, ""},
		{"99999d", 0, ""},
		{"60000d2562047h", 0, ""},
		{"5 minutes", 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			got, err := ParseDuration(tt.in)
			if (err != nil) != (tt.text == "") || time.Duration(got) != tt.want {
				t.Fatalf("got %v, %v", got, err)
			}
			if err == nil && got.String() != tt.text {
				t.Errorf("String gives %q, want %q", got, tt.text)
			}
		})
	}
}

func TestParseSize(t *testing.T) {
	tests := []struct {
		in   string
		want Size
		text string // of String; empty when in is refused
	}{
		{"35MiB", 35 << 20, "35MiB"},
		{"35 mib", 35 << 20, "35MiB"},
		{"1024KiB", 1 << 20, "1MiB"},
		{"1000", 1000, "1000B"},
		{"1MB", 1_000_000, "1000000B"},
		{"2kB", 2000, "2000B"},
		{"0", 0, "0B"},
		{"7B", 7, "7B"},
		{"9223372036854775807B", 1<<63 - 1, "9223372036854775807B"},
		{"", 0, ""},
		{"MiB", 0, ""},
		{"-1", 0, ""},
		{"1.5MiB", 0, ""},
		{"35M", 0, ""},
		{"9223372036854775808", 0, ""},
		{"9007199254740992KiB", 0, ""},
		{"1  MiB", 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			got, err := ParseSize(tt.in)
			if (err != nil) != (tt.text == "") || got != tt.want {
				t.Fatalf("got %d, %v", got, err)
			}
			if err == nil && got.String() != tt.text {
				t.Errorf("String gives %q, want %q", got, tt.text)
			}
		})
	}
}

func TestNearest(t *testing.T) {
	words := []string{"tag_start", "tag_end", "password_file", "route", "in", "hold"}
	tests := []struct{ in, want string }{
		{"tag_strat", "tag_start"},
		{"tagstart", "tag_start"},
		{"Tag_Start", "tag_start"},
		{"password", "password_file"},
		{"rotue", "route"},
		{"holt", "hold"},
		{"zzz", ""},
		{"", ""},
		{"x", ""},
		{"tag_start_tag_start_tag_start_tag_start_tag", ""},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			if got := nearest(tt.in, words); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestDistance(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"abc", "", 3},
		{"", "abc", 3},
		{"abc", "abc", 0},
		{"abc", "acb", 1},
		{"abc", "abd", 1},
		{"abc", "ab", 1},
		{"kitten", "sitting", 3},
	}
	for _, tt := range tests {
		t.Run(tt.a+" "+tt.b, func(t *testing.T) {
			if got := distance(tt.a, tt.b); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}
