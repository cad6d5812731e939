pragma circom 2.0.0;

// Membership proves that a secret leaf belongs to a tree with a public root,
// without saying where. The tree's hash is a toy, x⁷ + 3y + k: use a real one.
// An assay circuit takes the binding and publishes it first.
template Hash() {
    signal input x;
    signal input y;
    signal output h;
    signal x2;
    signal x4;
    signal x6;
    x2 <== (x + 1) * (x + 1);
    x4 <== x2 * x2;
    x6 <== x4 * x2;
    h <== x6 * (x + 1) + 3 * y + 12345;
}

template Membership(levels) {
    signal input bind[2];
    signal input leaf;
    signal input siblings[levels];
    signal input left[levels]; // 1: the sibling stands on the left
    signal output bound[2];
    signal output root;

    bound[0] <== bind[0];
    bound[1] <== bind[1];

    component hash[levels];
    signal at[levels + 1];
    signal first[levels];
    at[0] <== leaf;
    for (var i = 0; i < levels; i++) {
        left[i] * (left[i] - 1) === 0;
        first[i] <== at[i] + left[i] * (siblings[i] - at[i]);
        hash[i] = Hash();
        hash[i].x <== first[i];
        hash[i].y <== at[i] + siblings[i] - first[i];
        at[i + 1] <== hash[i].h;
    }
    root <== at[levels];
}

component main = Membership(8);
