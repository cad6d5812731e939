pragma circom 2.0.0;

// Unbound takes the binding and publishes something else in its place: an
// executor must not offer its proofs as bound to a job.
template Unbound() {
    signal input bind[2];
    signal output square;
    signal output bound[2];

    square <== bind[0] * bind[1];
    bound[0] <== bind[0];
    bound[1] <== bind[1];
}

component main = Unbound();
