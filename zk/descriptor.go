package zk

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/merkle"
)

// Bytes returns the canonical encoding: the program file of a job.
func (d *Descriptor) Bytes() []byte { return canon.Marshal(d) }

// Program returns the digest of the program file: Job.Program.
func (d *Descriptor) Program() assay.Digest { return merkle.FileOf(d.Bytes()) }

// ParseDescriptor reads a program file, strictly.
func ParseDescriptor(b []byte) (*Descriptor, error) {
	if len(b) > MaxDescriptor {
		return nil, assay.Refuse(CodeDescriptor, "%d bytes; at most %d", len(b), MaxDescriptor)
	}
	d := new(Descriptor)
	if err := canon.Unmarshal(b, d); err != nil {
		return nil, assay.Refuse(CodeDescriptor, "%v", err)
	}
	return d, d.Validate()
}

// Validate refuses a descriptor whose fields do not fit its system.
func (d *Descriptor) Validate() error {
	switch {
	case d.Version != 1:
		return assay.Refuse(CodeDescriptor, "version %d, this is 1", d.Version)
	case Runtime(d.System) == "":
		return assay.Refuse(CodeSystem, "%.40q", d.System)
	case d.Key.IsZero():
		return assay.Refuse(CodeDescriptor, "no verifying key")
	case IsCircuit(d.System) != (d.Circuit != nil):
		return assay.Refuse(CodeDescriptor, "%s: the files of a circuit are there or missing wrongly", d.System)
	case IsCircuit(d.System) != (d.Guest == [32]byte{}):
		return assay.Refuse(CodeDescriptor, "%s: the guest is there or missing wrongly", d.System)
	}
	if d.Circuit == nil {
		return nil
	}
	if d.System != Plonk && !d.Circuit.SRS.IsZero() {
		return assay.Refuse(CodeDescriptor, "%s takes no SRS", d.System)
	}
	for _, names := range [][]string{d.Circuit.Public, d.Circuit.Inputs} {
		if err := checkNames(names); err != nil {
			return err
		}
	}
	return nil
}

// checkNames refuses names that an argument "name=value" could not say, or that
// two elements share.
func checkNames(names []string) error {
	if len(names) > MaxNames {
		return assay.Refuse(CodeDescriptor, "%d names; at most %d", len(names), MaxNames)
	}
	sorted := slices.Sorted(slices.Values(names))
	for i, n := range sorted {
		if n == "" || len(n) > MaxName || strings.ContainsAny(n, "=\x00") || !utf8.ValidString(n) {
			return assay.Refuse(CodeDescriptor, "name %.40q", n)
		}
		if i > 0 && sorted[i-1] == n {
			return assay.Refuse(CodeDescriptor, "name %.40q twice", n)
		}
	}
	return nil
}
