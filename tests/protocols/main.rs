//! Models of the small protocols.
