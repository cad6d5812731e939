package zk

import "github.com/capacloud/assay"

// Codes of what a verdict by proof rests on.
const (
	AssumeCurve      assay.Code = "bn254-100-bits"
	AssumePinned     assay.Code = "trusted-setup-pinned-key"
	AssumeCeremony   assay.Code = "trusted-setup-ceremony"
	AssumeInsecure   assay.Code = "trusted-setup-insecure"
	AssumeUnbound    assay.Code = "statement-not-bound-to-job"
	AssumeEquivalent assay.Code = "declared-equivalent"
	AssumeInputs     assay.Code = "prover-chose-inputs"
	AssumeZKVM       assay.Code = "zkvm-sound"
)

// assume lists what a valid proof rests on.
func (c check) assume(job *assay.Job, setup assay.Setup, free bool) []assay.Assumption {
	list := []assay.Assumption{{Code: AssumeCurve, Text: "nobody breaks BN254: it gives about 100 bits of security, not 128"}}
	add := func(code assay.Code, text string) { list = append(list, assay.Assumption{Code: code, Text: text}) }
	switch setup {
	case assay.SetupCeremony:
		add(AssumeCeremony, "one contributor to the key's ceremony on this network was honest and forgot its secret")
	case assay.SetupInsecure:
		add(AssumeInsecure, "one party made the key alone: it can prove anything under it")
	default:
		add(AssumePinned, "whoever made the pinned key kept no secret of its setup")
	}
	if !IsCircuit(c.system) {
		add(AssumeZKVM, "the zkVM's own proof system and circuits are sound, as its authors claim")
	}
	if c.bind == BindCommit {
		add(AssumeUnbound, "the statement was proved, and not for this job: the proof may be older, and somebody else's work")
	}
	if free {
		add(AssumeInputs, "some input was the prover's choice: the proof shows that it gives this output, not that the job asked for it")
	}
	if job.Runtime == assay.RuntimeWasm {
		add(AssumeEquivalent, "the requester declared what was proved to be equivalent to the program")
	}
	return list
}

func assumptions() []assay.CodeInfo {
	a := func(c assay.Code, text, hint string) assay.CodeInfo {
		return assay.CodeInfo{Code: c, Kind: assay.KindAssumption, Text: text, Hint: hint}
	}
	return []assay.CodeInfo{
		a(AssumeCurve, "the curve BN254 gives about 100 bits of security", "combine the check with another one where that is too little"),
		a(AssumePinned, "whoever made the verifying key kept no secret of its setup", "use a key of a ceremony that you trust, or took part in"),
		a(AssumeCeremony, "one contributor to the key's ceremony was honest", "contribute yourself, or verify the transcript with `assay zk ceremony verify`"),
		a(AssumeInsecure, "one party made the verifying key alone", "for tests; run a ceremony"),
		a(AssumeUnbound, "the statement was proved, but not for this job", "use bind=job with a program that publishes its binding"),
		a(AssumeEquivalent, "the requester declared two programs equivalent", "check that the proved program computes what the other one does"),
		a(AssumeInputs, "an input that the proof does not fix was the prover's choice", "pin public inputs by arguments: name=value, or public=0x… for a zkVM"),
		a(AssumeZKVM, "the zkVM's own proof system is sound", "follow its authors' advisories; validators can withdraw a key"),
	}
}
