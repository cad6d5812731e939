package blob

import (
	"fmt"

	"github.com/capacloud/assay"
	"gocloud.dev/gcerrors"
)

// Codes of what this package refuses.
const (
	CodeNotFound    assay.Code = "blob-not-found"
	CodeCorrupt     assay.Code = "blob-corrupt"
	CodeTooLarge    assay.Code = "blob-too-large"
	CodeKind        assay.Code = "blob-kind"
	CodeIncomplete  assay.Code = "blob-incomplete"
	CodeSpecialFile assay.Code = "blob-special-file"
	CodeName        assay.Code = "blob-name"
	CodeExists      assay.Code = "blob-exists"
	CodeUnavailable assay.Code = "blob-unavailable"
	CodeConfig      assay.Code = "blob-config"
)

// Refusals that a caller branches on. Each is wrapped with what was refused.
var (
	// ErrNotFound: the store or source does not hold the digest.
	ErrNotFound error = &assay.Refusal{Code: CodeNotFound}
	// ErrCorrupt: bytes do not hash to the digest they were asked for by.
	ErrCorrupt error = &assay.Refusal{Code: CodeCorrupt}
	// ErrTooLarge: a file, folder, depth or number of names exceeds a limit.
	ErrTooLarge error = &assay.Refusal{Code: CodeTooLarge}
	// ErrKind: a folder where a file was asked for, or the reverse.
	ErrKind error = &assay.Refusal{Code: CodeKind}
	// ErrIncomplete: a folder names children that are not stored.
	ErrIncomplete error = &assay.Refusal{Code: CodeIncomplete}
	// ErrSpecialFile: a link, device, pipe or socket in an imported tree.
	ErrSpecialFile error = &assay.Refusal{Code: CodeSpecialFile}
	// ErrName: a name or an order of names that an artifact cannot carry.
	ErrName error = &assay.Refusal{Code: CodeName}
	// ErrExists: an export would overwrite something.
	ErrExists error = &assay.Refusal{Code: CodeExists}
	// ErrUnavailable: a source did not answer, or not as the protocol says.
	ErrUnavailable error = &assay.Refusal{Code: CodeUnavailable}
)

// Codes documents the codes of this package.
func Codes() []assay.CodeInfo {
	r := func(c assay.Code, text, hint string) assay.CodeInfo {
		return assay.CodeInfo{Code: c, Kind: assay.KindRefusal, Text: text, Hint: hint}
	}
	return []assay.CodeInfo{
		r(CodeNotFound, "no file or folder with this digest is held here", "ask another node, or import it again"),
		r(CodeCorrupt, "bytes do not hash to the digest that names them", "the disk or the sender is at fault; fetch the artifact from another source"),
		r(CodeTooLarge, "a file or folder exceeds a limit on bytes, names or depth", "split it, or raise the limit in the store's configuration"),
		r(CodeKind, "the digest names a folder where a file was asked for, or the reverse", "check which of the two the job expects"),
		r(CodeIncomplete, "a folder names a file or folder that is not stored, or states its size or kind wrongly", "store what is below a folder before the folder"),
		r(CodeSpecialFile, "the tree holds a link, device, pipe or socket", "artifacts are plain files and folders; copy what the link points to"),
		r(CodeName, "a listing is out of order, or a name in it is not UTF-8, too long, or one that an artifact cannot carry", "rename the file; sort the listing"),
		r(CodeExists, "the export would overwrite an existing file", "export to an empty folder"),
		r(CodeUnavailable, "the source did not answer, stopped sending, or broke the protocol", "try again, or ask another node"),
		r(CodeConfig, "a field of the blob configuration is out of range", "the text names the field and its range"),
	}
}

// storageError turns an error of the bucket into one of ours.
func storageError(what string, err error) error {
	if gcerrors.Code(err) == gcerrors.NotFound {
		return fmt.Errorf("%s: %w", what, ErrNotFound)
	}
	return fmt.Errorf("%s: %w", what, err)
}
