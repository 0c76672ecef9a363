//go:build !sandbox

package s3backend

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// loadConfig reads what the SDK reads: environment, shared configuration and credentials files, and the chain of
// profile, SSO, web identity, container and instance (IMDSv2).
func loadConfig(ctx context.Context, opts Options) (aws.Config, error) {
	load := []func(*config.LoadOptions) error{config.WithCredentialsCacheOptions(cacheOptions)}
	if opts.Region != "" {
		load = append(load, config.WithRegion(opts.Region))
	}
	if opts.Profile != "" {
		load = append(load, config.WithSharedConfigProfile(opts.Profile))
	}
	if c := opts.Credentials; c != nil {
		load = append(load, config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(c.KeyID, c.Secret, c.Token)))
	}
	return config.LoadDefaultConfig(ctx, load...)
}
