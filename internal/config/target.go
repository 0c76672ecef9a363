package config

import (
	"errors"
	"strings"
)

// ParseTarget splits BUCKET[:PREFIX] as goofys does, and takes s3://BUCKET/PREFIX and the ARN of an access point. The
// prefix has no slash at either end.
func ParseTarget(s string) (bucket, prefix string, err error) {
	for _, program := range []string{"goofys#", "sentientfs#"} {
		s = strings.TrimPrefix(s, program) // the first field of old fstab lines
	}
	if scheme, rest, ok := strings.Cut(s, "://"); ok {
		if scheme != "s3" {
			return "", "", errors.New("only S3 is known, not " + scheme + "://")
		}
		bucket, prefix, _ = strings.Cut(rest, "/")
		if b, p, ok := strings.Cut(bucket, ":"); ok {
			bucket, prefix = b, p+"/"+prefix
		}
	} else if strings.HasPrefix(s, "arn:") {
		// arn:aws:s3:region:account:accesspoint/name, then the prefix.
		parts := strings.SplitN(s, ":", 7)
		if len(parts) < 6 {
			return "", "", errors.New("the ARN is not complete")
		}
		bucket = strings.Join(parts[:6], ":")
		if len(parts) == 7 {
			prefix = parts[6]
		}
		return bucket, strings.Trim(prefix, "/"), nil
	} else {
		bucket, prefix, _ = strings.Cut(s, ":")
	}
	prefix = strings.Trim(prefix, "/")
	if err := checkBucketName(bucket); err != nil {
		return "", "", err
	}
	if len(prefix) > 1000 {
		return "", "", errors.New("the prefix leaves no room in S3's keys of 1024 bytes")
	}
	for _, name := range strings.Split(prefix, "/") {
		if prefix != "" && (name == "" || name == "." || name == "..") {
			return "", "", errors.New(`the prefix has an empty name, "." or ".." in it`)
		}
	}
	return bucket, prefix, nil
}

// checkBucketName takes what any S3 server takes: AWS' present rules are stricter, its old buckets and other servers
// are not.
func checkBucketName(name string) error {
	if name == "" {
		return errors.New("there is no name before the colon")
	}
	if len(name) < 3 || len(name) > 255 {
		return errors.New("a bucket's name has 3 to 63 characters")
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		alnum := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !alnum && (i == 0 || c != '.' && c != '-' && c != '_') {
			return errors.New("a bucket's name has letters, digits, dots and hyphens only")
		}
	}
	return nil
}
