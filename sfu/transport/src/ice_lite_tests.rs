//! What a check may and may not change.
