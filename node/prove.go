package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/blob"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/machine/tensor"
	"github.com/capacloud/assay/merkle"
	"github.com/capacloud/assay/provider"
	"github.com/capacloud/assay/zk"
)

// Proofs keeps what a provider has proved. Whoever has committed to a proof can
// show no other one, so it is kept before the commitment is sent, and a provider
// that starts again finds it.
type Proofs interface {
	// Load returns the evidence for a check of a job; nil if there is none.
	Load(job assay.JobID, check string) (*executor.Evidence, error)
	Save(job assay.JobID, check string, e *executor.Evidence) error
}

// MemoryProofs keeps proofs as long as the process lives.
type MemoryProofs struct {
	mu   sync.Mutex
	kept map[assay.Digest]*executor.Evidence
}

func proofName(job assay.JobID, check string) assay.Digest {
	return canon.Hash("assay/kept-proof/1", job[:], []byte(check))
}

// Load implements Proofs.
func (m *MemoryProofs) Load(job assay.JobID, check string) (*executor.Evidence, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.kept[proofName(job, check)], nil
}

// Save implements Proofs.
func (m *MemoryProofs) Save(job assay.JobID, check string, e *executor.Evidence) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.kept == nil {
		m.kept = map[assay.Digest]*executor.Evidence{}
	}
	m.kept[proofName(job, check)] = e
	return nil
}

// FolderProofs keeps proofs as files of a folder, for ever: they are the
// provider's own and small.
type FolderProofs string

// keptProof is the form of a file.
type keptProof struct {
	_          struct{} `cbor:",toarray"`
	Commitment []byte
	Body       []byte
	Gas        uint64
}

func (f FolderProofs) path(job assay.JobID, check string) string {
	name := proofName(job, check)
	return filepath.Join(string(f), fmt.Sprintf("%x.proof", name[:]))
}

// Load implements Proofs.
func (f FolderProofs) Load(job assay.JobID, check string) (*executor.Evidence, error) {
	b, err := os.ReadFile(f.path(job, check))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var k keptProof
	if err := canon.Unmarshal(b, &k); err != nil {
		return nil, fmt.Errorf("%s: %w", f.path(job, check), err)
	}
	return &executor.Evidence{Commitment: k.Commitment, Body: k.Body, Gas: k.Gas}, nil
}

// Save implements Proofs. The file is there as a whole or not at all.
func (f FolderProofs) Save(job assay.JobID, check string, e *executor.Evidence) error {
	if err := os.MkdirAll(string(f), 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(string(f), "new-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // it is gone if all went well
	_, err = tmp.Write(canon.Marshal(&keptProof{Commitment: e.Commitment, Body: e.Body, Gas: e.Gas}))
	if err == nil {
		err = tmp.Sync()
	}
	if err := errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), f.path(job, check))
}

// startProof makes a proof in the background, or finds the one from before.
func (p *providerLoop) startProof(ctx context.Context, e provider.Prove) {
	ctx, cancel := context.WithCancel(ctx)
	name := proofName(e.ID, e.Check)
	p.mu.Lock()
	if p.provings == nil {
		p.provings = map[assay.Digest]proving{}
	}
	p.provings[name] = proving{job: e.ID, cancel: cancel}
	p.mu.Unlock()
	p.tasks.Go(func() {
		defer p.endProof(name)
		answer := provider.Proved{Job: e.ID, Check: e.Check}
		made, err := p.evidence(ctx, &e)
		if ctx.Err() != nil {
			return // cancelled: no answer is due
		}
		if answer.Err = err; err == nil {
			answer.Commitment, answer.Body, answer.Gas = made.Commitment, made.Body, made.Gas
		}
		p.tell(ctx, answer)
	})
}

// proving is a proof under way.
type proving struct {
	job    assay.JobID
	cancel context.CancelFunc
}

func (p *providerLoop) endProof(name assay.Digest) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if x, ok := p.provings[name]; ok {
		x.cancel()
		delete(p.provings, name)
	}
}

// stopProofs ends what is proved about a job that has ended.
func (p *providerLoop) stopProofs(job assay.JobID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, x := range p.provings {
		if x.job == job {
			x.cancel()
		}
	}
}

func (p *providerLoop) evidence(ctx context.Context, e *provider.Prove) (*executor.Evidence, error) {
	kept, err := p.Proofs.Load(e.ID, e.Check)
	if kept != nil || err != nil {
		return kept, err
	}
	job, err := provable(ctx, &e.Job, p.Source, p.Work)
	if err != nil {
		return nil, err
	}
	if err := p.fetch(ctx, job); err != nil {
		return nil, err
	}
	ask := executor.Ask{Check: e.Check, Network: p.Network.Genesis().ID(), Job: e.ID, Provider: assay.KeyOf(p.Key), Seat: e.Seat, Keys: e.Keys}
	made, err := executor.Prove(ctx, p.Executor, job, ask, p.Work)
	if err != nil {
		return nil, err
	}
	return made, p.Proofs.Save(e.ID, e.Check, made)
}

// fetch copies all that a job needs into the work store.
func (p *providerLoop) fetch(ctx context.Context, job *assay.Job) error {
	if err := fetchJob(ctx, p.Work, p.Source, job); err != nil {
		return fmt.Errorf("fetch program and input: %w", err)
	}
	named, err := namedIn(ctx, p.Work, job.Runtime, job.Program)
	if err != nil { // what the program is worth is the executor's to say
		return nil
	}
	for _, digest := range named {
		if _, err := blob.Copy(ctx, p.Work, p.Source, digest, merkle.File); err != nil {
			return fmt.Errorf("fetch what the program names: %w", err)
		}
	}
	return nil
}

// provable returns the job as its prover has to see it: where a circuit or a guest
// was declared equivalent to the program, that is proved in its place.
func provable(ctx context.Context, job *assay.Job, src blob.Source, work *blob.Store) (*assay.Job, error) {
	if job.Proven.IsZero() {
		return job, nil
	}
	if _, err := blob.Copy(ctx, work, src, job.Proven, merkle.File); err != nil {
		return nil, fmt.Errorf("fetch what is to be proved: %w", err)
	}
	b, err := work.ReadFile(ctx, job.Proven)
	if err != nil {
		return nil, err
	}
	d, err := zk.ParseDescriptor(b)
	if err != nil {
		return nil, err
	}
	k := *job
	k.Runtime, k.Program, k.Proven = zk.Runtime(d.System), job.Proven, assay.Digest{}
	return &k, nil
}

// Named lists the files that the program of a job names beside those of the job:
// a descriptor is small, so that a rule can read it, and names what is large.
func Named(runtime string, program []byte) ([]assay.Digest, error) {
	switch runtime {
	case assay.RuntimeCircuit:
		d, err := zk.ParseDescriptor(program)
		if err != nil || d.Circuit == nil {
			return nil, err
		}
		all := []assay.Digest{d.Circuit.ConstraintSystem, d.Circuit.ProvingKey, d.Circuit.VerifyingKey, d.Circuit.Witness, d.Circuit.SRS}
		return slices.DeleteFunc(all, assay.Digest.IsZero), nil
	case assay.RuntimeInt8:
		g, err := tensor.Parse(program)
		if err != nil {
			return nil, err
		}
		return []assay.Digest{g.Model.Weights}, nil
	}
	return nil, nil
}

// namedIn is Named for a program in a store.
func namedIn(ctx context.Context, store *blob.Store, runtime string, program assay.Digest) ([]assay.Digest, error) {
	if runtime == assay.RuntimeWasm {
		return nil, nil
	}
	b, err := store.ReadFile(ctx, program)
	if err != nil {
		return nil, err
	}
	return Named(runtime, b)
}

// FilesOf lists all that an executor of a job has to fetch, as far as the job and
// a program in the store name it.
func FilesOf(ctx context.Context, store *blob.Store, job *assay.Job) ([]merkle.Entry, error) {
	list := job.Artifacts()
	named, err := namedIn(ctx, store, job.Runtime, job.Program)
	if err == nil && !job.Proven.IsZero() {
		var proven *assay.Job
		if proven, err = provable(ctx, job, store, store); err == nil {
			named, err = namedIn(ctx, store, proven.Runtime, proven.Program)
		}
	}
	for _, digest := range named {
		list = append(list, merkle.Entry{Digest: digest, Kind: merkle.File})
	}
	return list, err
}
