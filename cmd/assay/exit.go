package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/capacloud/assay"
)

// Exit codes. `verify` and `check` use 0, 1 and 2 for their answer.
const (
	exitOK          = 0
	exitRefuted     = 1  // run: refuted; verify: broken; others: the answer is no
	exitUsage       = 2  // bad usage or bad input; verify: not established
	exitUndecided   = 3  // undecided, timed out, accepted but unavailable
	exitUnreachable = 4  // network or storage
	exitProgram     = 10 // accepted, and the program failed or trapped
	exitInternal    = 70
	exitInterrupted = 130
)

// Codes of the command line itself.
const (
	codeUsage         assay.Code = "usage"
	codeInterrupted   assay.Code = "interrupted"
	codeUnreachable   assay.Code = "network-unreachable"
	codeNoProgram     assay.Code = "no-program"
	codeNotWasm       assay.Code = "not-wasm"
	codeNoGo          assay.Code = "no-go-toolchain"
	codeGoBuild       assay.Code = "go-build-failed"
	codeInputTwice    assay.Code = "input-name-twice"
	codeFile          assay.Code = "file"
	codeUnavailable   assay.Code = "unavailable"
	codeHome          assay.Code = "no-home"
	codeDiffers       assay.Code = "differs"
	codeNotComparable assay.Code = "not-comparable"
	codeKeyExists     assay.Code = "key-exists"
	codePassphrase    assay.Code = "passphrase"
	codeOutNotEmpty   assay.Code = "out-not-empty"
	codeNoKey         assay.Code = "no-key"
	codeProgram       assay.Code = "program-failed"
	codeNoDispute     assay.Code = "no-dispute"
	codeJudged        assay.Code = "zk-judged-otherwise"
)

// cliCodes documents them.
func cliCodes() []assay.CodeInfo {
	r := func(c assay.Code, text, hint string) assay.CodeInfo {
		return assay.CodeInfo{Code: c, Kind: assay.KindRefusal, Text: text, Hint: hint}
	}
	return []assay.CodeInfo{
		r(codeUsage, "the command line does not parse", "see `assay COMMAND --help`"),
		r(codeInterrupted, "interrupted by a signal before the end", "a job that a network has goes on without you; nothing is left of an in-process one"),
		r(codeUnreachable, "the network or a store does not answer", "check the URL; a submitted job goes on without you"),
		r(codeNoProgram, "PROGRAM is not a .wasm file, a Go package, or a folder that holds exactly one .wasm", "name one of these"),
		r(codeNotWasm, "the file does not begin with the wasm magic number", "compile it for WASI preview 1 first"),
		r(codeNoGo, "PROGRAM is a Go package and `go` is not on PATH", "install Go, or compile elsewhere with GOOS=wasip1 GOARCH=wasm and pass the .wasm"),
		r(codeGoBuild, "the Go package does not compile for wasip1", "the compiler's words stand above; cgo and sockets are not available there"),
		r(codeInputTwice, "two --in have the same base name", "rename one: each appears under /in/<base name>"),
		r(codeFile, "a file or folder cannot be read or written", "check the path and its permissions"),
		r(codeUnavailable, "the result was accepted but nobody delivered its bytes; nobody was paid", "submit again; the escrow came back less fees"),
		r(codeHome, "no folder for keys and caches", "set ASSAY_HOME to a writable folder"),
		r(codeDiffers, "two engines or two host settings gave different results", "the job is not deterministic; do not pay for it yet"),
		r(codeNotComparable, "an engine's own stack overflowed, which says nothing about the program", "reduce the recursion depth to compare"),
		r(codeProgram, "the result was accepted: the program failed, or is no valid module", "look at its stderr; the executions were paid, and the receipt proves that it ends like this"),
		r(codeJudged, "a case or a change to it was not judged as its manifest expects", "the lines say which"),
		r(codeNoDispute, "the job has no dispute of that number", "`assay dispute show JOB` lists those that it has"),
		r(codeNoKey, "the key that is to sign or to be shown does not exist", "make one with `assay key new NAME`, name it with --key, and have its account funded"),
		r(codeOutNotEmpty, "the --out folder holds something that is no earlier delivery", "name a new or empty folder: only stdout, stderr and out are replaced"),
		r(codeKeyExists, "a key or validator lies there already", "choose another name or folder; keys are never overwritten"),
		r(codePassphrase, "the key is encrypted and no passphrase was given", "answer the prompt, or set ASSAY_PASSPHRASE"),
	}
}

// exitError ends a command with an exit code and a reason code, whose hint
// stands in the tables.
type exitError struct {
	exit  int
	code  assay.Code
	text  string
	job   string // set when a job was submitted
	url   string // of the network that goes on with it
	cause error
}

func (e *exitError) Error() string { return e.text }
func (e *exitError) Unwrap() error { return e.cause }

// usage is a command line that cannot be obeyed.
func usage(format string, args ...any) error {
	return &exitError{exit: exitUsage, code: codeUsage, text: fmt.Sprintf(format, args...)}
}

// badInput is an argument that names something unusable.
func badInput(code assay.Code, format string, args ...any) error {
	return &exitError{exit: exitUsage, code: code, text: fmt.Sprintf(format, args...)}
}

// failure is the "error" field of every --json object.
type failure struct {
	Code assay.Code `json:"code"`
	Text string     `json:"text"`
	Hint string     `json:"hint,omitempty"`
}

// explain turns any error into its exit code and its words.
func explain(err error) (int, failure) {
	var e *exitError
	if errors.As(err, &e) {
		return e.exit, failure{Code: e.code, Text: plainly(e.text, e.code), Hint: hintOf(e.code)}
	}
	var r *assay.Refusal
	if errors.As(err, &r) {
		return exitUsage, failure{Code: r.Code, Text: plainly(err.Error(), r.Code), Hint: hintOf(r.Code)}
	}
	return exitInternal, failure{Code: assay.CodeInternal, Text: err.Error(), Hint: "this is a bug of assay; please report it with the command line"}
}

// plainly drops a code that the text repeats: it is printed before it.
func plainly(text string, code assay.Code) string {
	text = strings.TrimSuffix(text, ": "+string(code))
	return strings.Replace(text, string(code)+": ", "", 1)
}

// interrupted keeps which job an interrupted command was about.
func interrupted(err error) error {
	e := &exitError{exit: exitInterrupted, code: codeInterrupted, text: "interrupted", cause: err}
	var inner *exitError
	if errors.As(err, &inner) {
		e.job, e.url = inner.job, inner.url
	}
	return e
}

// report prints an error that ended a command and returns the exit code.
func report(err error, asJSON bool, stdout, stderr io.Writer) int {
	if err == nil {
		return exitOK
	}
	exit, f := explain(err)
	if errors.Is(err, errSilent) {
		return exit
	}
	e := &exitError{}
	errors.As(err, &e)
	if asJSON {
		writeJSON(stdout, struct {
			Job   string  `json:"job,omitempty"`
			Error failure `json:"error"`
		}{e.job, f})
	}
	fmt.Fprintf(stderr, "assay: %s: %s\n", f.Code, f.Text)
	if f.Hint != "" {
		fmt.Fprintf(stderr, "       %s\n", f.Hint)
	}
	if e.job != "" && e.url != "" {
		fmt.Fprintf(stderr, "       continue:  assay job show %s --network %s\n", e.job, e.url)
	} else if e.job != "" && exit == exitInterrupted {
		fmt.Fprintf(stderr, "       job %s ended with the in-process network\n", e.job)
	}
	return exit
}

func writeJSON(w io.Writer, v any) {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	_ = enc.Encode(v) // stdout gone: nobody is left to tell
}
