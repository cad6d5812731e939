package main

import (
	"os"
	"path/filepath"
)

// Folders: ASSAY_HOME holds everything when set; otherwise keys live under the
// user's XDG data folder and caches under the XDG cache folder.

// dataDir returns the folder for keys and state that must survive.
func dataDir() (string, error) {
	if d := os.Getenv("ASSAY_HOME"); d != "" {
		return d, nil
	}
	if d := os.Getenv("XDG_DATA_HOME"); d != "" {
		return filepath.Join(d, "assay"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", badInput(codeHome, "HOME is not set")
	}
	return filepath.Join(home, ".local", "share", "assay"), nil
}

// cacheDir returns a writable folder for compiled code, or "" when there is
// none: a cache is a convenience, and a read-only HOME must not stop a job.
func cacheDir() string {
	dir := ""
	switch {
	case os.Getenv("ASSAY_HOME") != "":
		dir = filepath.Join(os.Getenv("ASSAY_HOME"), "cache")
	default:
		base, err := os.UserCacheDir()
		if err != nil {
			return ""
		}
		dir = filepath.Join(base, "assay")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return ""
	}
	probe, err := os.CreateTemp(dir, "probe-*")
	if err != nil {
		return ""
	}
	probe.Close()
	os.Remove(probe.Name())
	return dir
}
