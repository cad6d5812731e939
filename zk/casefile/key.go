package casefile

import (
	"bytes"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/zk"
	"github.com/capacloud/assay/zk/groth16"
)

// ParseKey reads a verifying key in any form in which people have one: a case,
// the verification_key.json of snarkjs, a key of assay, or a Groth16 key as gnark
// writes it (VerifyingKey.WriteTo).
func ParseKey(b []byte) (*zk.Verifier, error) {
	if trimmed := bytes.TrimSpace(b); len(trimmed) > 0 && trimmed[0] == '{' {
		return parseJSONKey(b)
	}
	v, err := zk.ParseKey(b)
	if err == nil {
		return v, nil
	}
	vk, gnarkErr := groth16.ParseGnarkKey(b)
	if gnarkErr != nil {
		return nil, assay.Refuse(CodeUnusable, "neither a key of assay (%v) nor one of gnark (%v)", err, gnarkErr)
	}
	return (&zk.Key{Version: 1, System: zk.Groth16, Scheme: zk.SchemeGroth16, VK: vk.Bytes()}).Load()
}

func parseJSONKey(b []byte) (*zk.Verifier, error) {
	c, err := Parse(b)
	if err != nil {
		return nil, err
	}
	if _, ok := c.fields["system"]; ok {
		f := c.Judge()
		if f.Loaded == nil {
			return nil, f.Err
		}
		return f.Loaded, nil
	}
	vk, err := (&reader{fields: c.fields}).snarkjsKey()
	if err != nil {
		return nil, err
	}
	return (&zk.Key{Version: 1, System: zk.Circom, Scheme: zk.SchemeGroth16, VK: vk.Bytes()}).Load()
}
