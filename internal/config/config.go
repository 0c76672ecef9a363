package config

import (
	"fmt"
	"time"
)

// Config is everything that was configured, checked as far as that is possible without asking S3 or the kernel.
type Config struct {
	Source     string // the bucket as it was typed, for the mount table
	Bucket     string
	Prefix     string // without a slash at either end
	MountPoint string // absolute once CheckMountPoint was asked; "" if none was given

	S3    S3
	Files Files
	Fresh Fresh
	Disk  Disk
	Log   Log

	Foreground     bool
	MountOptions   []string // for the kernel or fusermount3
	NonEmpty       bool     // -o nonempty
	UnmountTimeout time.Duration

	Environment string     // the NAME of .env.NAME, "" for none
	FilesRead   []string   // the .env files that were there
	Export      []Variable // to set in the own process for the SDK
	Problems    []Problem
	Notes       []string // what was understood otherwise than it may have been meant, or has no effect

	home   string
	values []Value
}

// S3 says which bucket service to talk to, as whom, and how things are stored there.
type S3 struct {
	Endpoint, Region, Profile string
	Keys                      *Keys // nil: the SDK's chain
	Subdomain, RequesterPays  bool
	StorageClass, ACL         string
	SSE                       bool
	SSEKMS                    *string // the key's ID, which may be empty
	SSEC                      []byte  // 32 bytes or nil
	UseContentType, Debug     bool
	HTTPTimeout               time.Duration
}

// Files says how files appear.
type Files struct {
	DirMode, FileMode              uint32
	DirModeSet, FileModeSet        bool
	UID, GID                       uint32
	PreserveOwner, PosixMetadata   bool
	ReadOnly, NoImplicitDir, Cheap bool
	Symlinks                       string
	DebugFUSE                      bool
}

// Fresh says how old answers may be.
type Fresh struct {
	Stat, Type, Open, Negative, List Durations
	DirtyMaxAge                      time.Duration
}

// Disk bounds what is used of the machine.
type Disk struct {
	Dir    string // of all mounts
	Size   int64  // bytes
	Memory int64  // bytes
}

// Log says what is told, how and where.
type Log struct {
	Level, Format, File string
}

// Variable is an environment variable.
type Variable struct{ Name, Value string }

// A Problem is a mistake in what was configured, with a way out of it.
type Problem struct {
	What    string `json:"what"`
	Hint    string `json:"hint"`
	Warning bool   `json:"warning,omitempty"` // a mount goes on all the same
	Mount   bool   `json:"-"`                 // it is about the mount point
}

// Value is one setting, what it is, and where that came from.
type Value struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Source string `json:"source"`
}

// Fatal returns the problems with which nothing can be mounted.
func (c *Config) Fatal() []Problem {
	var fatal []Problem
	for _, p := range c.Problems {
		if !p.Warning {
			fatal = append(fatal, p)
		}
	}
	return fatal
}

func (c *Config) problem(p Problem) { c.Problems = append(c.Problems, p) }

func (c *Config) note(format string, args ...any) {
	c.Notes = append(c.Notes, fmt.Sprintf(format, args...))
}

// set remembers a value for Show; a second one of the same name replaces the first.
func (c *Config) set(name, value string, from Source) {
	v := Value{Name: name, Value: value, Source: from.String()}
	for i := range c.values {
		if c.values[i].Name == name {
			c.values[i] = v
			return
		}
	}
	c.values = append(c.values, v)
}
