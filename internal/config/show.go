package config

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"sort"
	"strings"
)

// Show lists each setting, its value and its source: the bucket and mount point, the keys, then the flags by name.
// Secrets are masked.
func (c *Config) Show() []Value {
	values := append([]Value(nil), c.values...)
	rank := func(name string) int {
		switch name {
		case bucketName:
			return 0
		case mountPointName:
			return 1
		case "credentials":
			return 2
		}
		return 3
	}
	has := false
	for _, v := range values {
		has = has || v.Name == "credentials"
	}
	if !has {
		values = append(values, Value{Name: "credentials", Value: c.credentialsFrom(), Source: "default"})
	}
	sort.SliceStable(values, func(i, j int) bool {
		a, b := values[i], values[j]
		if rank(a.Name) != rank(b.Name) {
			return rank(a.Name) < rank(b.Name)
		}
		return a.Name < b.Name
	})
	return values
}

func (c *Config) credentialsFrom() string {
	if c.S3.Profile != "" {
		return "profile " + c.S3.Profile
	}
	return "~/.aws, web identity, or the machine's role"
}

// maskID shows what tells one access key from another: the first four characters. The ID alone opens nothing.
func maskID(id string) string {
	if len(id) < 16 {
		return "****"
	}
	return id[:4] + "****"
}

// Folder is where one mount keeps its local copies and its journal below Disk.Dir: one folder per endpoint, bucket,
// prefix and mount point, so that a later mount of the same finds what an earlier one could not send.
func (c *Config) Folder() string {
	id := strings.Join([]string{c.S3.Endpoint, c.Bucket, c.Prefix, c.MountPoint}, "\x00")
	sum := sha256.Sum256([]byte(id))
	name := strings.Map(func(r rune) rune {
		if r == '/' || r == ':' {
			return '_'
		}
		return r
	}, c.Bucket)
	return filepath.Join(c.Disk.Dir, name[:min(len(name), 64)]+"-"+hex.EncodeToString(sum[:8]))
}
