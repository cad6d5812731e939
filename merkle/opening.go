package merkle

// Opening shows the leaf at one offset of an artifact: the folders on the way
// down, then the leaf of a file.
type Opening struct {
	_        struct{} `cbor:",toarray"`
	Folders  []FolderStep
	FileSize uint64
	Leaf     []byte
	Path     []Digest
}

// FolderStep shows one entry of a folder.
type FolderStep struct {
	_ struct{} `cbor:",toarray"`
}
