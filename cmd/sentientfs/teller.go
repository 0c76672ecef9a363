package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/sentient-agi/sentientfs/internal/transfer"
)

// tellEvery is the pause between two lines of progress: a person reads them, a log keeps them.
const tellEvery = time.Second

// A teller tells people who wait for uploads how far they are: on standard error, and to commands that asked.
type teller struct {
	to func(format string, args ...any)

	mu     sync.Mutex // guards all below
	active bool       // somebody waits
	muted  bool       // standard error is gone
	last   time.Time
	ears   map[int]func(string)
	next   int
}

// begin says that from now on somebody waits.
func (t *teller) begin() {
	t.mu.Lock()
	t.active = true
	t.mu.Unlock()
}

// mute stops telling standard error.
func (t *teller) mute() {
	t.mu.Lock()
	t.muted = true
	t.mu.Unlock()
}

// also tells ear until the function that it returns is called.
func (t *teller) also(ear func(string)) (stop func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ears == nil {
		t.ears = make(map[int]func(string))
	}
	id := t.next
	t.next++
	t.ears[id] = ear
	return func() {
		t.mu.Lock()
		delete(t.ears, id)
		t.mu.Unlock()
	}
}

// progress is told each step of the uploads.
func (t *teller) progress(p transfer.Progress) {
	t.mu.Lock()
	quiet := !t.active || p.Files == 0 || time.Since(t.last) < tellEvery
	if !quiet {
		t.last = time.Now()
	}
	t.mu.Unlock()
	if !quiet {
		t.say(fmt.Sprintf("uploading: %d files, %s to go", p.Files, formatBytes(p.Bytes)))
	}
}

// say tells everybody a line.
func (t *teller) say(text string) {
	t.mu.Lock()
	var ears []func(string)
	for _, ear := range t.ears {
		ears = append(ears, ear)
	}
	muted := t.muted
	t.mu.Unlock()
	if !muted {
		t.to("%s", text)
	}
	for _, ear := range ears {
		ear(text)
	}
}
