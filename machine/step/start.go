package step

import (
	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/machine"
	"github.com/capacloud/assay/machine/wasi"
	"github.com/capacloud/assay/machine/wasm"
	"github.com/capacloud/assay/merkle"
)

// Start returns state 0: a function of the image and the job alone, which a
// ledger computes by itself.
func Start(im *wasm.Image, job *assay.Job) Record {
	r := Record{Image: im.Digest(), Roots: zeroRoots()}
	if im.Invalid != "" || im.MemoryMin > pageLimit(job) {
		r.Phase, r.Status, r.Output = Halted, assay.InvalidModule, emptyOutput()
		return r
	}
	host := machine.NewRegions()
	r.Host = wasi.Start(host, job.Stdin, job.Input)
	r.Roots.HostNodes, r.Roots.HostData = host[machine.HostNodes].Root(), host[machine.HostData].Root()
	r.Roots.Memory, r.Roots.Globals = im.Memory, im.GlobalsRoot
	r.Pages = im.MemoryMin
	for t := range im.Tables {
		r.Tables[t], r.Roots.Tables[t] = im.Tables[t].Min, im.Tables[t].Root
	}
	r.Frames, r.Slots = job.Limits.Frames, job.Limits.Slots
	if im.Epochs {
		r.Epoch = 1
	}
	if setup := im.Setup(); setup > job.Limits.Fuel {
		r.Phase, r.Status, r.Trap = Finishing, assay.Trapped, wasm.TrapOutOfFuel
	} else {
		r.Fuel = int64(job.Limits.Fuel - setup)
	}
	return r
}

// pageLimit is the job's limit on memory.
func pageLimit(job *assay.Job) uint32 { return uint32(job.Limits.Memory / assay.WasmPage) }

// emptyOutput is the digest of an output to which nothing was written.
func emptyOutput() canon.Digest {
	return merkle.FolderDigest([]merkle.Entry{
		{Name: "out", Kind: merkle.Folder, Digest: merkle.FolderDigest(nil)},
		{Name: "stderr", Kind: merkle.File, Digest: merkle.FileOf(nil)},
		{Name: "stdout", Kind: merkle.File, Digest: merkle.FileOf(nil)},
	})
}

// Load returns a space that holds all of state 0 of a program.
func Load(p *wasm.Program, job *assay.Job) *machine.Regions {
	s := machine.NewRegions()
	if p.Image.Invalid != "" || p.Image.MemoryMin > pageLimit(job) {
		return s
	}
	for i := range p.Code {
		s.Store(machine.Code, uint64(i)*wasm.InstrBytes, p.Code[i].AppendBinary(nil))
	}
	s.Store(machine.Static, 0, p.Static)
	s.Store(machine.Globals, 0, p.Globals)
	for t := range p.Tables {
		s.Store(machine.Tables, uint64(t)*wasm.TableBytes, p.Tables[t])
	}
	for _, d := range p.Data {
		s.Store(machine.Memory, uint64(d.At), d.Bytes)
	}
	wasi.Start(s, job.Stdin, job.Input)
	return s
}
