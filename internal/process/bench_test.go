package process_test

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"fwatchdog/internal/process"
)

// BenchmarkStartAndReap is the price of a process, the program's own start included.
func BenchmarkStartAndReap(b *testing.B) {
	s := newStarter(b)
	b.ReportAllocs()
	for b.Loop() {
		p, err := s.Start(process.Command{Argv: []string{"true"}, Env: path})
		if err != nil {
			b.Fatal(err)
		}
		p.Reap()
		p.Close()
	}
}

func BenchmarkLines(b *testing.B) {
	text := strings.Repeat(strings.Repeat("x", 99)+"\n", 10000)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if err := process.Lines(strings.NewReader(text), 1<<16, func([]byte) {}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLongLineByteByByte is what a program can make us work by writing badly.
func BenchmarkLongLineByteByByte(b *testing.B) {
	text := make([]byte, 1<<16)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		s := process.Splitter{Max: len(text), Emit: func([]byte) {}}
		for i := range text {
			_, _ = s.Write(text[i : i+1]) // it never fails
		}
		s.Flush()
	}
}

// BenchmarkPipe sends messages through cat and waits for each, with pipes of different sizes.
func BenchmarkPipe(b *testing.B) {
	for _, message := range []int{100, 64 << 10, 1 << 20} {
		for _, size := range []int{64 << 10, 256 << 10, 1 << 20} {
			b.Run(fmt.Sprintf("message=%d/pipe=%d", message, size), func(b *testing.B) {
				p := start(b, newStarter(b), cat)
				setPipeSize(b, p.Stdin, size)
				setPipeSize(b, p.Stdout, size)
				out, in := make([]byte, message), make([]byte, message)
				sent := make(chan error, 1)
				b.SetBytes(int64(message))
				for b.Loop() {
					go func() {
						_, err := p.Stdin.Write(out)
						sent <- err
					}()
					if _, err := io.ReadFull(p.Stdout, in); err != nil {
						b.Fatal(err)
					}
					if err := <-sent; err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func setPipeSize(b *testing.B, pipe *os.File, size int) {
	b.Helper()
	if _, err := unix.FcntlInt(pipe.Fd(), unix.F_SETPIPE_SZ, size); err != nil {
		b.Fatal(err)
	}
}
