package s3backend

import (
	"context"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// credentialsError says that nobody gave credentials, or that whoever does could not be asked.
type credentialsError struct{ err error }

func (e *credentialsError) Error() string { return "no credentials: " + e.err.Error() }
func (e *credentialsError) Unwrap() error { return e.err }

// refreshBefore is how long before their end credentials are asked for again, so that no request carries dying ones.
const refreshBefore = 3 * time.Minute

// credentialSource keeps the credentials of a provider until shortly before their end, and marks its errors.
type credentialSource struct {
	cache *aws.CredentialsCache

	mu   sync.Mutex // guards last; held for no request
	last time.Time  // of renew
}

// newCredentialSource takes the provider of a configuration, which is a cache unless the keys are static.
func newCredentialSource(p aws.CredentialsProvider) *credentialSource {
	cache, ok := p.(*aws.CredentialsCache)
	if !ok {
		cache = aws.NewCredentialsCache(p, cacheOptions)
	}
	return &credentialSource{cache: cache}
}

func cacheOptions(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = refreshBefore }

// Retrieve implements aws.CredentialsProvider.
func (c *credentialSource) Retrieve(ctx context.Context) (aws.Credentials, error) {
	creds, err := c.cache.Retrieve(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return creds, err
		}
		return creds, &credentialsError{err}
	}
	return creds, nil
}

// renewPause keeps refused credentials from becoming a storm of questions to the one who gives them.
const renewPause = 5 * time.Second

// renew drops what is kept after a server called it expired. It tells whether trying again makes sense.
func (c *credentialSource) renew() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.last) > renewPause {
		c.last = time.Now()
		c.cache.Invalidate()
	}
	return true
}
