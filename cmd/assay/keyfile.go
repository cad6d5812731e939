package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"
	"golang.org/x/term"
)

// A key file holds one Ed25519 seed, either encrypted with a passphrase (age,
// scrypt recipient) or, for machines that start without a person, in clear in a
// file that only its owner can read. The secret is never printed.

const (
	secretLabel  = "assay-secret-key-1:"
	ageMagic     = "age-encryption.org/"
	maxKeyFile   = 4096
	scryptLogN   = 16 // about 0.2 s and 64 MiB; a passphrase is guessed slowly
	envPassphase = "ASSAY_PASSPHRASE"
)

// saveKey writes a key to a new file. An existing file is never replaced.
func saveKey(file string, key ed25519.PrivateKey, passphrase string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return badInput(codeFile, "%v", err)
	}
	secret := []byte(secretLabel + hex.EncodeToString(key.Seed()) + "\n")
	if passphrase != "" {
		r, err := age.NewScryptRecipient(passphrase)
		if err != nil {
			return fmt.Errorf("encrypt key: %w", err)
		}
		r.SetWorkFactor(scryptLogN)
		var sealed bytes.Buffer
		w, err := age.Encrypt(&sealed, r)
		if err != nil {
			return fmt.Errorf("encrypt key: %w", err)
		}
		if _, err := w.Write(secret); err != nil {
			return fmt.Errorf("encrypt key: %w", err)
		}
		if err := w.Close(); err != nil {
			return fmt.Errorf("encrypt key: %w", err)
		}
		secret = sealed.Bytes()
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return badInput(codeKeyExists, "%s exists", file)
	}
	if err != nil {
		return badInput(codeFile, "%v", err)
	}
	if _, err := f.Write(secret); err != nil {
		f.Close()
		return badInput(codeFile, "%v", err)
	}
	if err := f.Close(); err != nil {
		return badInput(codeFile, "%v", err)
	}
	return nil
}

// loadKey reads a key file, asking for the passphrase when it is encrypted.
func loadKey(file string, ask func() (string, error)) (ed25519.PrivateKey, error) {
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, badInput(codeNoKey, "there is no key %s", file)
	case err != nil:
		return nil, badInput(codeFile, "%v", err)
	}
	if info.Size() > maxKeyFile {
		return nil, badInput(codeFile, "%s is not a key file", file)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, badInput(codeFile, "%v", err)
	}
	if bytes.HasPrefix(b, []byte(ageMagic)) {
		if b, err = openSealed(file, b, ask); err != nil {
			return nil, err
		}
	} else if info.Mode().Perm()&0o077 != 0 {
		return nil, badInput(codeFile, "%s can be read by others; chmod 600 it", file)
	}
	digits, ok := strings.CutPrefix(strings.TrimSuffix(string(b), "\n"), secretLabel)
	seed, err := hex.DecodeString(digits)
	if !ok || err != nil || len(seed) != ed25519.SeedSize {
		return nil, badInput(codeFile, "%s is not a key file", file)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

func openSealed(file string, sealed []byte, ask func() (string, error)) ([]byte, error) {
	passphrase, err := ask()
	if err != nil {
		return nil, err
	}
	id, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, badInput(codePassphrase, "%v", err)
	}
	r, err := age.Decrypt(bytes.NewReader(sealed), id)
	if err != nil {
		return nil, badInput(codePassphrase, "%s: %v", file, err)
	}
	b, err := io.ReadAll(io.LimitReader(r, maxKeyFile))
	if err != nil {
		return nil, badInput(codePassphrase, "%s: %v", file, err)
	}
	return b, nil
}

// askPassphrase takes the passphrase from the environment or the terminal.
func askPassphrase(stderr io.Writer) func() (string, error) {
	return func() (string, error) {
		if p := os.Getenv(envPassphase); p != "" {
			return p, nil
		}
		fd := int(os.Stdin.Fd())
		if !term.IsTerminal(fd) {
			return "", badInput(codePassphrase, "no terminal to ask on")
		}
		fmt.Fprint(stderr, "passphrase: ")
		b, err := term.ReadPassword(fd)
		fmt.Fprintln(stderr)
		if err != nil {
			return "", badInput(codePassphrase, "%v", err)
		}
		return string(b), nil
	}
}

// keyPath returns where a named key lives; a name with a slash is a file.
func keyPath(name string) (string, error) {
	if strings.ContainsRune(name, os.PathSeparator) {
		return name, nil
	}
	dir, err := dataDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "keys", name+".key"), nil
}
