package control

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// SocketPath is where the mount on an absolute path listens, in dir. It has a fixed length, since the path of a socket
// has 104 bytes at most.
func SocketPath(dir, mountPoint string) string {
	sum := sha256.Sum256([]byte(filepath.Clean(mountPoint)))
	return filepath.Join(dir, hex.EncodeToString(sum[:8])+".sock")
}

// Dir returns the folder of the sockets of this user: /run/sentientfs for root, below XDG_RUNTIME_DIR, else below the
// folder for temporary files.
func Dir(uid int, runtimeDir, tempDir string) string {
	switch {
	case uid == 0:
		return "/run/sentientfs"
	case filepath.IsAbs(runtimeDir):
		return filepath.Join(runtimeDir, "sentientfs")
	}
	return filepath.Join(tempDir, fmt.Sprintf("sentientfs-%d", uid))
}

// makeDir makes the folder, or sees to it that the one which is there is ours alone: below /tmp anybody could have
// made it first.
func makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok || int(st.Uid) != os.Getuid() {
		return fmt.Errorf("%s is not a folder of this user", dir)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return os.Chmod(dir, 0o700)
	}
	return nil
}
