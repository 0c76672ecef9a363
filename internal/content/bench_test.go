package content

import (
	"math/rand/v2"
	"testing"
)

func benchmarkWrite(b *testing.B, off func(i int) int64) {
	s, err := Open(Options{Dir: b.TempDir(), KeepFree: -1, Size: 1 << 40})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	f, err := s.Create("k")
	if err != nil {
		b.Fatal(err)
	}
	p := pattern(4096, 0)
	b.SetBytes(4096)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := f.WriteAt(p, off(i)); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	if err := f.Drop(); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkWriteSequential(b *testing.B) {
	benchmarkWrite(b, func(i int) int64 { return int64(i%(1<<16)) * 4096 })
}

func BenchmarkWriteRandom(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	benchmarkWrite(b, func(int) int64 { return rng.Int64N(1<<16) * 4096 })
}
