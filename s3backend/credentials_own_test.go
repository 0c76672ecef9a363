//go:build sandbox

package s3backend

import (
	"os"
	"path/filepath"
	"testing"
)

// TestSharedFiles reads keys of profiles as the AWS command line writes them.
func TestSharedFiles(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"config":      "[default]\nregion = eu-west-1\n[profile team]\nregion=eu-central-1\n",
		"credentials": "# comment\n[default]\naws_access_key_id = A\naws_secret_access_key = S=+/\n\n[team]\naws_access_key_id=T\naws_secret_access_key=U\naws_session_token=V\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(dir, "config"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(dir, "credentials"))
	for profile, want := range map[string][4]string{"": {"A", "S=+/", "", "eu-west-1"}, "team": {"T", "U", "V", "eu-central-1"}} {
		cfg, err := loadConfig(t.Context(), Options{Profile: profile})
		if err != nil {
			t.Fatal(err)
		}
		c, err := cfg.Credentials.Retrieve(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := [4]string{c.AccessKeyID, c.SecretAccessKey, c.SessionToken, cfg.Region}; got != want {
			t.Errorf("profile %q: %q, want %q", profile, got, want)
		}
	}
	if _, err := loadConfig(t.Context(), Options{Profile: "nobody"}); err == nil {
		t.Error("a profile that is nowhere is taken")
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "E")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "F")
	cfg, err := loadConfig(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if c, err := cfg.Credentials.Retrieve(t.Context()); err != nil || c.AccessKeyID != "E" {
		t.Errorf("the environment does not win: %q, %v", c.AccessKeyID, err)
	}
}
