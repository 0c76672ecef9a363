package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"log/syslog"
	"os"
	"path/filepath"
	"strings"

	"github.com/sentient-agi/sentientfs/internal/config"
)

// A logger is the log of one mount, whose level can change while it runs.
type logger struct {
	*slog.Logger
	level  *slog.LevelVar
	closer io.Closer
	where  string // for people: where to look
}

var levels = map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn,
	"error": slog.LevelError}

// openLog opens the log that the settings ask for: the file; standard error in the foreground; else the system's log,
// and a file in the folder of the mount where there is none, as in a sandbox.
func openLog(c *config.Config, stderr io.Writer, environ []string) (*logger, error) {
	l := &logger{level: new(slog.LevelVar)}
	l.level.Set(levels[c.Log.Level])
	switch {
	case c.Log.File != "":
		return l.toFile(c, c.Log.File)
	case c.Foreground:
		l.where = "standard error"
		return l.to(c, stderr, underSystemd(environ)), nil
	}
	w, err := syslog.New(syslog.LOG_DAEMON|syslog.LOG_INFO, "sentientfs")
	if err != nil {
		return l.toFile(c, filepath.Join(c.Folder(), "sentientfs.log"))
	}
	l.closer, l.where = w, "the system's log (journalctl -t sentientfs, /var/log/syslog)"
	l.Logger = slog.New(newSyslogHandler(w, l.level))
	return l, nil
}

func (l *logger) toFile(c *config.Config, path string) (*logger, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fail(codeConfig, "give --log-file a path that you may write", "cannot log to %s: %v", path, err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fail(codeConfig, "give --log-file a path that you may write", "cannot log: %v", err)
	}
	l.closer, l.where = f, path
	return l.to(c, f, false), nil
}

func (l *logger) to(c *config.Config, w io.Writer, structured bool) *logger {
	opts := &slog.HandlerOptions{Level: l.level}
	if c.Log.Format == "json" || c.Log.Format == "auto" && structured {
		l.Logger = slog.New(slog.NewJSONHandler(w, opts))
	} else {
		l.Logger = slog.New(slog.NewTextHandler(w, opts))
	}
	return l
}

// Close ends the log; nothing may be logged after it.
func (l *logger) Close() {
	if l.closer != nil {
		l.closer.Close()
	}
}

// cycle goes to the next level, from errors only to everything and around.
func (l *logger) cycle() slog.Level {
	next := map[slog.Level]slog.Level{slog.LevelError: slog.LevelWarn, slog.LevelWarn: slog.LevelInfo,
		slog.LevelInfo: slog.LevelDebug, slog.LevelDebug: slog.LevelError}[l.level.Level()]
	l.level.Set(next)
	return next
}

// underSystemd tells whether standard error is the journal (systemd.exec(5), JOURNAL_STREAM).
func underSystemd(environ []string) bool {
	for _, kv := range environ {
		if strings.HasPrefix(kv, "JOURNAL_STREAM=") {
			return true
		}
	}
	return false
}

// syslogHandler writes records to syslog under the priority of their level.
type syslogHandler struct {
	slog.Handler
	w    *syslog.Writer
	wrap func(slog.Handler) slog.Handler
	opts *slog.HandlerOptions
}

func newSyslogHandler(w *syslog.Writer, level slog.Leveler) *syslogHandler {
	opts := &slog.HandlerOptions{Level: level, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
			return slog.Attr{} // syslog has both itself
		}
		return a
	}}
	return &syslogHandler{Handler: slog.NewTextHandler(io.Discard, opts), w: w, opts: opts,
		wrap: func(h slog.Handler) slog.Handler { return h }}
}

func (h *syslogHandler) Handle(ctx context.Context, r slog.Record) error {
	var b strings.Builder
	if err := h.wrap(slog.NewTextHandler(&b, h.opts)).Handle(ctx, r); err != nil {
		return err
	}
	text := strings.TrimSuffix(b.String(), "\n")
	switch {
	case r.Level >= slog.LevelError:
		return h.w.Err(text)
	case r.Level >= slog.LevelWarn:
		return h.w.Warning(text)
	case r.Level >= slog.LevelInfo:
		return h.w.Info(text)
	}
	return h.w.Debug(text)
}

func (h *syslogHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.with(func(in slog.Handler) slog.Handler { return in.WithAttrs(attrs) })
}

func (h *syslogHandler) WithGroup(name string) slog.Handler {
	return h.with(func(in slog.Handler) slog.Handler { return in.WithGroup(name) })
}

func (h *syslogHandler) with(more func(slog.Handler) slog.Handler) slog.Handler {
	c := *h
	wrap := h.wrap
	c.wrap = func(in slog.Handler) slog.Handler { return more(wrap(in)) }
	return &c
}

// formatBytes writes a number of bytes for people.
func formatBytes(n int64) string {
	units := []string{"KiB", "MiB", "GiB", "TiB"}
	if n < 1024 {
		return fmt.Sprintf("%d bytes", n)
	}
	v, u := float64(n)/1024, 0
	for v >= 1024 && u < len(units)-1 {
		v, u = v/1024, u+1
	}
	return fmt.Sprintf("%.1f %s", v, units[u])
}
