//go:build sandbox

package s3backend

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
)

// loadConfig is a chain of what a sandbox can have: given keys, the environment, the shared files' static keys, a
// container's endpoint and an instance's role. The SDK's own, with SSO and the rest, is a megabyte more.
func loadConfig(_ context.Context, opts Options) (aws.Config, error) {
	profile := opts.Profile
	if profile == "" {
		profile = os.Getenv("AWS_PROFILE")
	}
	settings, err := readProfile(profile)
	if err != nil {
		return aws.Config{}, err
	}
	cfg := aws.Config{Region: firstOf(opts.Region, os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"), settings["region"])}
	if endpoint := firstOf(os.Getenv("AWS_ENDPOINT_URL_S3"), os.Getenv("AWS_ENDPOINT_URL"), settings["endpoint_url"]); endpoint != "" {
		cfg.BaseEndpoint = aws.String(endpoint)
	}
	provider, err := findProvider(opts, settings)
	if err != nil {
		return aws.Config{}, err
	}
	cfg.Credentials = aws.NewCredentialsCache(provider, cacheOptions)
	return cfg, nil
}

func findProvider(opts Options, settings map[string]string) (aws.CredentialsProvider, error) {
	if c := opts.Credentials; c != nil {
		return credentials.NewStaticCredentialsProvider(c.KeyID, c.Secret, c.Token), nil
	}
	env := os.Getenv
	if opts.Profile == "" && env("AWS_ACCESS_KEY_ID") != "" && env("AWS_SECRET_ACCESS_KEY") != "" {
		return credentials.NewStaticCredentialsProvider(env("AWS_ACCESS_KEY_ID"), env("AWS_SECRET_ACCESS_KEY"), env("AWS_SESSION_TOKEN")), nil
	}
	if settings["aws_access_key_id"] != "" {
		return credentials.NewStaticCredentialsProvider(settings["aws_access_key_id"], settings["aws_secret_access_key"],
			settings["aws_session_token"]), nil
	}
	if opts.Profile != "" {
		return nil, fmt.Errorf("the profile %q has no keys", opts.Profile)
	}
	endpoint := env("AWS_CONTAINER_CREDENTIALS_FULL_URI")
	if path := env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"); path != "" {
		endpoint = "http://169.254.170.2" + path // the address of a container's agent (ECS developer guide)
	}
	if endpoint == "" {
		return ec2rolecreds.New(), nil
	}
	return endpointcreds.New(endpoint, func(o *endpointcreds.Options) {
		o.AuthorizationToken = env("AWS_CONTAINER_AUTHORIZATION_TOKEN")
		if file := env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); file != "" {
			o.AuthorizationTokenProvider = endpointcreds.TokenProviderFunc(func() (string, error) {
				b, err := os.ReadFile(file)
				return strings.TrimSpace(string(b)), err
			})
		}
	}), nil
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// readProfile reads a profile of the shared files; those of the credentials file win. A named profile that is in
// neither is an error.
func readProfile(profile string) (map[string]string, error) {
	named := profile != ""
	if !named {
		profile = "default"
	}
	home, _ := os.UserHomeDir()
	settings := map[string]string{}
	found := false
	for _, f := range []struct{ path, section string }{
		{firstOf(os.Getenv("AWS_CONFIG_FILE"), filepath.Join(home, ".aws", "config")), "profile " + profile},
		{firstOf(os.Getenv("AWS_SHARED_CREDENTIALS_FILE"), filepath.Join(home, ".aws", "credentials")), profile},
	} {
		ok, err := readSection(f.path, settings, f.section, profile)
		if err != nil {
			return nil, err
		}
		found = found || ok
	}
	if named && !found {
		return nil, fmt.Errorf("there is no profile %q", profile)
	}
	return settings, nil
}

// readSection adds the settings of one section, under either of two names. A missing file has none.
func readSection(path string, settings map[string]string, names ...string) (found bool, err error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	inside := false
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if name, ok := strings.CutPrefix(line, "["); ok {
			name = strings.TrimSpace(strings.TrimSuffix(name, "]"))
			inside = name == names[0] || name == names[1]
			found = found || inside
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if inside && ok && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, ";") {
			settings[strings.ToLower(strings.TrimSpace(key))] = strings.TrimSpace(value)
		}
	}
	return found, lines.Err()
}
