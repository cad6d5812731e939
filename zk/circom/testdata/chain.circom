pragma circom 2.0.0;

// Chain proves knowledge of a secret b with c = a·bⁿ, in an assay job: the
// binding comes first among the outputs.
template Chain(n) {
    signal input bind[2];
    signal input a;
    signal input b;
    signal output bound[2];
    signal output c;

    bound[0] <== bind[0];
    bound[1] <== bind[1];

    signal x[n + 1];
    x[0] <== a;
    for (var i = 0; i < n; i++) {
        x[i + 1] <== x[i] * b;
    }
    c <== x[n];
    assert(b != 7);
}

component main {public [a]} = Chain(8);
