package transfer

import (
	"context"
	"sync"
	"testing"
)

func TestBudgetIsNeverExceeded(t *testing.T) {
	const limit = 4 << 20
	b := newBudget(limit)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for j := range 50 {
				n := int64(1+(i*j)%9) << 18
				buf, err := b.acquire(context.Background(), n)
				if err != nil {
					t.Error(err)
					return
				}
				if int64(len(buf.data)) != n {
					t.Errorf("asked for %d bytes, got %d", n, len(buf.data))
				}
				if used := b.used.Load(); used > limit {
					t.Errorf("%d of %d bytes are in use", used, limit)
				}
				buf.release()
			}
		})
	}
	wg.Wait()
	if used := b.used.Load(); used != 0 {
		t.Errorf("%d bytes are left in use", used)
	}
}

func TestBudgetGrantsALargeBufferAlone(t *testing.T) {
	b := newBudget(1 << 20)
	large, err := b.acquire(context.Background(), 8<<20)
	if err != nil || len(large.data) != 8<<20 {
		t.Fatalf("a buffer above the budget: %v", err)
	}
	if x := b.try(1); x != nil {
		t.Error("a second buffer beside it")
	}
	large.release()
	x := b.try(1)
	if x == nil {
		t.Fatal("no buffer after it was given back")
	}
	x.release()
}

func TestBudgetWaitingEndsWithTheContext(t *testing.T) {
	b := newBudget(1 << 20)
	x, err := b.acquire(context.Background(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer x.release()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := b.acquire(ctx, 1); err == nil {
		t.Error("a buffer that is not there")
	}
}
