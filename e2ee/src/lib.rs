//! Every secret of a call: MLS group, SFrame keys and frames, verification codes.
