//go:build !sandbox

package localstore

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// keysFile is the name of the file with the key pair, in the folder of the store.
const keysFile = "keys"

type keyPair struct {
	KeyID  string `json:"access_key_id"`
	Secret string `json:"secret_access_key"`
}

// Keys returns the key pair of the store in dir: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY where both are set, else
// the pair that is kept in the folder, which is made on the first call. It is an error to set one of the two variables
// alone, or to have a file of keys that others than its owner can read.
func Keys(dir string) (keyID, secret string, err error) {
	keyID, secret = os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY")
	switch {
	case keyID != "" && secret != "":
		return keyID, secret, nil
	case keyID != "" || secret != "":
		return "", "", errors.New("only one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY is set")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", "", fmt.Errorf("cannot make the folder of the store: %w", err)
	}
	name := filepath.Join(dir, keysFile)
	pair, err := readKeys(name)
	if errors.Is(err, os.ErrNotExist) {
		if err = writeKeys(name); err == nil {
			pair, err = readKeys(name)
		}
	}
	return pair.KeyID, pair.Secret, err
}

func readKeys(name string) (keyPair, error) {
	var pair keyPair
	info, err := os.Stat(name)
	if err != nil {
		return pair, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return pair, fmt.Errorf("%s can be read by others: chmod 600 it, or remove it to get new keys", name)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return pair, err
	}
	// The parser's error is left out: it may quote the secret.
	if json.Unmarshal(text, &pair) != nil || pair.KeyID == "" || pair.Secret == "" {
		return keyPair{}, fmt.Errorf("%s holds no key pair: remove it to get new keys", name)
	}
	return pair, nil
}

// writeKeys makes a new pair under name, unless another process was faster. The file appears whole: it is linked into
// place, so that nobody reads half a pair.
func writeKeys(name string) error {
	text, err := json.MarshalIndent(keyPair{KeyID: "SFS" + rand.Text()[:17], Secret: rand.Text() + rand.Text()[:14]}, "", "  ")
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(name), keysFile+".*") // 0600
	if err != nil {
		return fmt.Errorf("cannot keep the keys: %w", err)
	}
	defer os.Remove(tmp.Name())
	if _, err = tmp.Write(append(text, '\n')); err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return fmt.Errorf("cannot keep the keys: %w", err)
	}
	if err := os.Link(tmp.Name(), name); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("cannot keep the keys: %w", err)
	}
	return nil
}
